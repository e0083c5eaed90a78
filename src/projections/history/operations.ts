import type { EventRecord } from "../../events/events.ts";

/** Records of one operation, as they stand together in a domain's history. */
export type OperationRecords = readonly EventRecord[];

interface Group {
  readonly records: EventRecord[];
  done: boolean;
  /** It was said that it began. */
  told: boolean;
}

/** Groups that wait behind one that has not ended: an operation that died may never end. */
const mostWaiting = 1000;

/**
 * Groups a stream of records by operation, in the order in which operations began. Operations of different domains
 * interleave; those of one domain follow each other, so that a record of the next one ends the one before. Takes
 * records in either direction.
 */
export class Operations {
  readonly #groups: Group[] = [];
  readonly #open = new Map<string | null, Group>();

  /** The operations that have ended with this record, or before it but behind one that had not. */
  push(record: EventRecord): OperationRecords[] {
    const before = this.#open.get(record.domain);
    if (before && record.operation !== null && before.records[0]?.operation === record.operation) {
      before.records.push(record);
      // The first of its records comes last: they are read backwards.
      if (record.type === "OperationStarted") before.done = true;
    } else {
      if (before) before.done = true;
      const group: Group = { records: [record], done: record.operation === null, told: false };
      this.#groups.push(group);
      this.#open.set(record.domain, group);
    }
    return this.#take((group) => group.done || this.#groups.length > mostWaiting);
  }

  /**
   * All whose outcome is known by now, for a watcher, in the order they were decided in: what they clean up later
   * comes apart, and none waits for another domain's that goes on for hours.
   */
  decided(): OperationRecords[] {
    const decided = this.#groups.filter(isDecided);
    return decided.map((group) => this.#takeOut(group));
  }

  /** The intents of those that go on, each once. */
  begun(): EventRecord[] {
    const untold = this.#groups.filter((group) => !group.told && !isDecided(group));
    for (const group of untold) group.told = true;
    return untold.flatMap(({ records: [first] }) => first ?? []);
  }

  /** The rest. */
  end(): OperationRecords[] {
    return this.#take(() => true);
  }

  #take(ready: (group: Group) => boolean): OperationRecords[] {
    const taken: OperationRecords[] = [];
    for (let first = this.#groups[0]; first && ready(first); first = this.#groups[0]) taken.push(this.#takeOut(first));
    return taken;
  }

  #takeOut(group: Group): OperationRecords {
    this.#groups.splice(this.#groups.indexOf(group), 1);
    const domain = group.records[0]?.domain ?? null;
    if (this.#open.get(domain) === group) this.#open.delete(domain);
    return group.records;
  }
}

function isDecided({ records }: Group): boolean {
  return records.some(({ type }) => type !== "OperationStarted");
}
