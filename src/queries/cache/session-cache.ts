import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { States } from "../../commands/context.ts";
import { HeadFile } from "../../store/head-file.ts";
import type { DomainId } from "../../events/ids.ts";
import type { EventRecord } from "../../events/events.ts";
import type { EventLog, LogAccess, LogHead } from "../../events/log.ts";
import { storeLayout } from "../../store/store.ts";
import { clone } from "../../projections/replay/compare.ts";
import { applyDirectory } from "../../projections/directory.ts";
import type { Directory } from "../../projections/directory.ts";
import { apply } from "../../projections/domain.ts";
import type { DomainState } from "../../projections/state.ts";
import { foldAfter } from "./cached-states.ts";
import { Recent } from "./recent.ts";
import { readWhole } from "./whole.ts";

/**
 * What a process that reads the same store again and again keeps of it: folded states, which grow by the records that
 * came since, and where the log ended when its files were last looked into. Never an answer by itself: it counts while
 * the log still holds the very record it was folded up to.
 */
export class SessionCache {
  readonly #domains = new Recent<Folded<DomainState>>(mostKept);
  #directory: Folded<Directory> | undefined;
  #unchanged: StoreStamp | undefined;

  /** Where the log ends, when nobody has touched the store since it was looked into; undefined: look again. */
  headIfUnchanged(stamp: StoreStamp | undefined): LogHead | undefined {
    const before = this.#unchanged;
    const same = stamp && before?.files === stamp.files && isSame(before.head, stamp.head);
    return same ? stamp.head : undefined;
  }

  /** `head`: what the log itself said meanwhile. An append of this process may have come between the two. */
  recordHead(stamp: StoreStamp | undefined, head: LogHead): void {
    this.#unchanged = stamp && isSame(stamp.head, head) ? stamp : undefined;
  }

  async domain(log: EventLog, id: DomainId, fold: () => Promise<DomainState>): Promise<DomainState> {
    const head = await log.head();
    const known = this.#domains.take(id);
    const state =
      known && isSame(known.head, head)
        ? known.projection
        : ((known &&
            (await grown(known.projection, log.readDomain(id, { fromRevision: known.projection.revision }), apply))) ??
          (await fold()));
    if (state.revision > 0) this.#domains.put(id, { head, projection: state }, sizeOf(state));
    return state;
  }

  async directory(log: EventLog, fold: () => Promise<Directory>): Promise<Directory> {
    const head = await log.head();
    const known = this.#directory;
    if (known && isSame(known.head, head)) return known.projection;
    const directory =
      (known && (await grown(known.projection, log.read({ from: known.projection.position }), applyDirectory))) ??
      (await fold());
    this.#directory = { head, projection: directory };
    return directory;
  }
}

interface Folded<P> {
  /** The log's end when the projection was right. */
  readonly head: LogHead;
  readonly projection: P;
}

/** Snapshots and layers of all domains together: some 100 MB. One domain of the greatest size (16,384) always fits. */
export const mostKept = 100_000;

export function sizeOf({ snapshots, layers }: DomainState): number {
  return 10 + snapshots.size + layers.size;
}

function isSame(one: LogHead, other: LogHead): boolean {
  return one.position === other.position && one.hash === other.hash && one.logId === other.logId;
}

/**
 * The projection with the records after its own; the same one when there are none, else a copy: what was handed out
 * before does not change. undefined when another history was put in the store's place.
 */
async function grown<P extends { readonly position: number; readonly hash: string }>(
  projection: P,
  records: ReturnType<EventLog["read"]>,
  fold: (projection: P, record: EventRecord) => void,
): Promise<P | undefined> {
  let now = projection;
  const folded = await foldAfter(projection, records, (_, record) => {
    if (now === projection) now = clone(projection);
    fold(now, record);
    return undefined;
  });
  return folded === undefined ? undefined : now;
}

/** States for reading alone, since they are shared: about now as the session knows them, about the past as ever. */
export function sessionStates(states: States, session: SessionCache): States {
  const directory = (open: EventLog) => session.directory(open, () => states.directory(open));
  return {
    ...states,
    directory,
    async domain(open, id, at) {
      if (at?.upTo !== undefined) return states.domain(open, id, at);
      return readWhole(await directory(open), id, () => session.domain(open, id, () => states.domain(open, id)));
    },
  };
}

/**
 * For reading alone: while nobody has touched the store since the last use, the database is not even opened. Work that
 * turns out to need it runs a second time then.
 */
export function sessionAccess(log: LogAccess, store: string, session: SessionCache): LogAccess {
  return {
    async use(work) {
      const head = session.headIfUnchanged(stampOf(store));
      if (head) {
        try {
          return await work(unopened(head));
        } catch (error) {
          if (!(error instanceof NeedsOpening)) throw error;
        }
      }
      return log.use(async (open) => {
        const result = await work(open);
        // While the store is locked: nobody else can have changed it between the two.
        session.recordHead(stampOf(store), await open.head());
        return result;
      });
    },
    close: () => log.close(),
  };
}

/** What a store looks like from outside, and where its head file says that the log ends. */
interface StoreStamp {
  readonly files: string;
  readonly head: LogHead;
}

/**
 * The head file changes with every record that was acknowledged: it is synced before. The database's files change with
 * every opening, and with whatever is done to them by others; all of it when something is put in the store's place.
 */
function stampOf(store: string): StoreStamp | undefined {
  const { head: headPath, log } = storeLayout(store);
  try {
    const head = HeadFile.read(headPath);
    if (!head) return undefined;
    const { dev, ino, mode, uid } = lstatSync(store);
    const files = readdirSync(log).map((name) => {
      const file = lstatSync(join(log, name), { bigint: true });
      return `${name} ${file.ino} ${file.size} ${file.mtimeNs} ${file.ctimeNs}`;
    });
    return { files: [store, dev, ino, mode, uid, ...files.sort()].join("\n"), head };
  } catch {
    return undefined;
  }
}

class NeedsOpening extends Error {}

function unopened(head: LogHead): EventLog {
  const needed = () => {
    throw new NeedsOpening("the log has to be opened for this");
  };
  return {
    head: () => Promise.resolve(head),
    append: needed,
    read: needed,
    readDomain: needed,
    findCommand: needed,
    revision: needed,
    close: () => Promise.resolve(),
  };
}
