import { AppendQueue, type Group } from "./append-queue.ts";
import type { Actor } from "./events.ts";
import { sha256 } from "./hash.ts";
import type { Clock, NewId } from "./ids.ts";
import { logCreated, logIdOf } from "./log-created.ts";
import type { EventLog, StoredRecord } from "./log.ts";
import { beforeFirst, parseRecord, sealRecord } from "./seal.ts";

export interface MemoryLogOptions {
  readonly clock: Clock;
  readonly newId: NewId;
  readonly logId?: string;
  readonly actor?: Actor;
  /** Where the lines are kept. Hand the same array to another log and it goes on from there, as after a crash. */
  readonly disk?: string[];
  readonly faults?: WriteFaults;
}

/** For tests: throwing here is a failed write. */
export interface WriteFaults {
  /** Nothing of the group is stored. */
  readonly beforeWrite?: (lines: readonly string[]) => void | Promise<void>;
  /** The group is stored, but no append is acknowledged: a crash after the disk had it. */
  readonly afterWrite?: (lines: readonly string[]) => void | Promise<void>;
}

const nobody: Actor = {
  user: "memory",
  uid: null,
  loginUid: null,
  sudoUser: null,
  host: "memory",
  via: "library",
  knownBy: "claimed",
};

/** A log in RAM: for memory stores, simulations and tests. An empty one starts with LogCreated at position 1. */
export function memoryEventLog(options: MemoryLogOptions): EventLog {
  const { clock, newId, disk = [], faults = {} } = options;
  if (disk.length === 0) {
    const event = logCreated(options.logId ?? newId(), options.actor ?? nobody);
    disk.push(sealRecord(event, { id: newId(), previous: beforeFirst, revision: null, now: clock() }, sha256).line);
  }
  const stored: StoredRecord[] = [];
  const domains = new Map<string | null, StoredRecord[]>();
  const ofDomain = (domain: string): readonly StoredRecord[] => domains.get(domain) ?? [];
  const keep = (one: StoredRecord): void => {
    const { domain } = one.record;
    const siblings = domains.get(domain) ?? [];
    domains.set(domain, siblings);
    siblings.push(one);
    stored.push(one);
  };
  for (const line of disk) keep({ record: parseRecord(line), line });

  const newGroup = (): Group => {
    const group: StoredRecord[] = [];
    return {
      add: ({ record, line }) => void group.push({ record, line }),
      async write() {
        const lines = group.map(({ line }) => line);
        await faults.beforeWrite?.(lines);
        disk.push(...lines);
        group.forEach(keep);
        await faults.afterWrite?.(lines);
      },
    };
  };
  const revisionOf = (domain: string): Promise<number> => Promise.resolve(ofDomain(domain).length);
  const queue = new AppendQueue(last(stored).record, { clock, newId, hash: sha256, newGroup, revisionOf });
  const logId = logIdOf(stored[0]?.record);

  return {
    append: (events, appendOptions) => queue.append(events, appendOptions),
    read({ from = 1, to = Infinity } = {}) {
      const end = Math.min(to - 1, queue.durable.position);
      return yieldAll(() => stored.slice(Math.max(from, 1) - 1, Math.max(end, 0)));
    },
    readDomain(domain, { fromRevision = 1, upTo = Infinity } = {}) {
      const end = Math.min(upTo, queue.durable.position);
      return yieldAll(() =>
        ofDomain(domain)
          .slice(Math.max(fromRevision, 1) - 1)
          .filter((one) => one.record.position <= end),
      );
    },
    findCommand: (id) => Promise.resolve(stored.find(({ record }) => record.commandId === id)?.record),
    revision: revisionOf,
    head: () => Promise.resolve({ logId, position: queue.durable.position, hash: queue.durable.hash }),
    close: () => queue.drain(),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous, RAM is not
async function* yieldAll(records: () => StoredRecord[]): AsyncIterable<StoredRecord> {
  yield* records();
}

function last(stored: readonly StoredRecord[]): StoredRecord {
  return stored[stored.length - 1] as StoredRecord;
}
