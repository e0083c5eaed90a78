import type { NewEvent } from "../src/events/events.ts";
import { sha256 } from "../src/events/hash.ts";
import { logCreated } from "../src/events/log-created.ts";
import type { StoredRecord } from "../src/events/log.ts";
import type { FileFacts, LayerFile, SnapshotRef } from "../src/events/records.ts";
import { beforeFirst, sealRecord, type Link } from "../src/events/seal.ts";
import { alice, Historian } from "../test/support/histories.ts";

/** Long histories, sealed like any other but without a disk: what large stores and large states are made of. */

const envelope = { actor: alice, reason: "nightly", ticket: null, operation: null, commandId: null };
let made = 0;
export const newId = (): string => `00000000-0000-7000-9000-${String(++made).padStart(12, "0")}`;

/** A whole log: LogCreated, then these. */
export function* sealed(events: Iterable<NewEvent>): Generator<StoredRecord> {
  let previous: Link = beforeFirst;
  const revisions = new Map<string, number>();
  const seal = (event: NewEvent): StoredRecord => {
    const { domain } = event;
    const revision = domain === null ? null : (revisions.get(domain) ?? 0) + 1;
    if (domain !== null && revision !== null) revisions.set(domain, revision);
    const stored = sealRecord(event, { id: newId(), previous, revision, now: Date.now() }, sha256);
    previous = stored.record;
    return stored;
  };
  yield seal(logCreated(newId(), alice));
  for (const event of events) yield seal(event);
}

/** A life of a domain from definition to the end of it, decided by the real rules. */
function life(): { readonly id: string; readonly events: readonly NewEvent[] } {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  for (let i = 0; i < 120; i++) {
    historian.play({ verb: "create", domain: id, pick: i + 1 });
    if (i % 4 === 1) historian.play({ verb: "move", domain: id, pick: i * 7 });
    if (i % 5 === 2) historian.play({ verb: "merge", domain: id, pick: i * 3 });
    if (i % 6 === 3) historian.play({ verb: "discard", domain: id, pick: i * 5, force: true });
    historian.play({ verb: "fold", domain: id });
    historian.play({ verb: "remove", domain: id });
  }
  for (let i = 0; i < 50 && historian.state(id).defined; i++) {
    historian.play({ verb: "fold", domain: id });
    historian.play({ verb: "undefine", domain: id, force: true, pick: 2 });
  }
  if (historian.state(id).defined) throw new Error("the life has no end");
  historian.play({ verb: "remove", domain: id });
  return { id, events: eventsOf(historian, id) };
}

function eventsOf(historian: Historian, id: string): NewEvent[] {
  const own = historian.records.filter(({ domain }) => domain === id);
  return own.map(
    ({ operation, type, schema, data }) => ({ ...envelope, domain: id, operation, type, schema, data }) as NewEvent,
  );
}

/**
 * So many events of 20 domains, `vm-0` to `vm-19`, each of which lives its life again and again. They begin one after
 * the other, so that at any end of the log most of them are defined.
 */
export function* lives(count: number): Generator<NewEvent> {
  const template = life();
  const text = JSON.stringify(template.events);
  const domains = Array.from({ length: 20 }, (_, i) =>
    text.replaceAll(template.id, newId()).replaceAll(`vm-${template.id.slice(-2)}`, `vm-${i}`),
  ).map((own) => JSON.parse(own) as NewEvent[]);
  const apart = Math.floor(template.events.length / domains.length);
  for (let turn = 0, told = 0; told < count; turn++) {
    for (const [i, own] of domains.entries()) {
      const event = own[(turn - i * apart) % own.length];
      if (!event || turn < i * apart || told >= count) continue;
      yield event;
      told++;
    }
  }
}

/** A branch of so many snapshots, then the next from the first one: chains are bounded, as they are in a store. */
const branch = 100;
const beginsBranch = (i: number): boolean => i > 0 && i % branch === 0;

export const refOf = (i: number): SnapshotRef => ({ id: `s${i}`, name: `s${i}` });
/** The number of the snapshot that snapshot i hangs on; -1 for none. */
export const parentOf = (i: number): number => (beginsBranch(i) ? 0 : i - 1);

/** One domain, `web`, with so many snapshots, all of which live: what the log tells of it. */
export class SnapshotHistory {
  readonly domain: string;
  readonly events: NewEvent[];
  readonly #base: string;
  readonly #firstHead: string;

  constructor(snapshots: number) {
    const historian = new Historian();
    const [id = ""] = historian.domains;
    historian.play({ verb: "define", domain: id });
    const state = historian.state(id);
    this.domain = id;
    this.#base = state.bases["vda"] ?? "";
    this.#firstHead = state.heads["vda"] ?? "";
    const text = JSON.stringify(eventsOf(historian, id)).replaceAll(`vm-${id.slice(-2)}`, "web");
    this.events = JSON.parse(text) as NewEvent[];
    for (let i = 0; i < snapshots; i++) {
      if (beginsBranch(i)) this.events.push(...this.#movedBack(i));
      this.events.push(this.#created(i));
    }
  }

  /** The file that snapshot i refers to; that of -1 is the base image. */
  layerOf(i: number): string {
    if (i < 0) return this.#base;
    return i === 0 ? this.#firstHead : beginsBranch(i) ? `branch-${i}` : `head-${i - 1}`;
  }

  /** To the first snapshot, with a fresh head; the old one goes. */
  #movedBack(i: number): NewEvent[] {
    const old = this.file(`head-${i - 1}`, this.layerOf(i - 1));
    const heads = [this.file(this.layerOf(i), this.layerOf(0))];
    const data = { to: refOf(0), heads, autosave: null, destroyed: [] };
    const files = [{ layer: old.layer, path: old.path, bytes: old.bytes }];
    return [
      this.event({ type: "HeadsMoved", schema: 1, data }),
      this.event({ type: "LayersRemoved", schema: 1, data: { files } }),
    ];
  }

  /** The head becomes the snapshot's layer, and a fresh one is put on it. */
  #created(i: number): NewEvent {
    const parent = parentOf(i);
    const layers = [{ ...this.file(this.layerOf(i), this.layerOf(parent)), compression: null }];
    const rest = { description: "", parent: parent < 0 ? null : refOf(parent), automatic: false, memory: null };
    const snapshot = { ...refOf(i), ...rest, state: "off", layers } as const;
    const data = { snapshot, heads: [this.file(`head-${i}`, this.layerOf(i))] };
    return this.event({ type: "SnapshotCreated", schema: 1, data });
  }

  event(event: Pick<NewEvent, "type" | "schema" | "data">): NewEvent {
    return { ...envelope, domain: this.domain, ...event } as NewEvent;
  }

  file(layer: string, backing: string): LayerFile {
    return { ...this.facts(layer), target: "vda", layer, backing };
  }

  facts(layer: string): FileFacts {
    const facts = { format: "qcow2", bytes: 196_624, virtualBytes: 2 ** 23, device: "1", mtimeNs: "0" } as const;
    const inode = String(++made);
    return { ...facts, inode, path: `/layers/${this.domain}/${layer}.qcow2` };
  }
}

/** So many domains, `vm-0` and on, of one disk and one snapshot each. */
export function* fleet(count: number): Generator<NewEvent> {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  historian.play({ verb: "create", domain: id, pick: 1 });
  const text = JSON.stringify(eventsOf(historian, id));
  const ids = [...new Set(text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g))];
  for (let i = 0; i < count; i++) {
    const named = text.replaceAll(`vm-${id.slice(-2)}`, `vm-${i}`);
    yield* JSON.parse(ids.reduce((own, each) => own.replaceAll(each, newId()), named)) as NewEvent[];
  }
}
