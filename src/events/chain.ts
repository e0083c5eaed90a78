import type { EventRecord } from "./events.ts";
import type { DomainId } from "./ids.ts";
import type { StoredRecord } from "./log.ts";
import { beforeFirst, checkHash, checkLink, type Hash, type Link } from "./seal.ts";

/** What is proven of a log, from its first record on. */
export class Chain {
  /** The last record that is proven. */
  end: Link = beforeFirst;
  readonly #hash: Hash;
  readonly #revisions = new Map<DomainId, number>();

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** What is wrong with it as the next record, or null: then it is proven. */
  prove(stored: StoredRecord): string | null {
    const why = this.check(stored);
    if (why === null) this.#take(stored.record);
    return why;
  }

  /** The same, but it is not taken. */
  check({ record, line }: StoredRecord): string | null {
    const { domain } = record;
    const before = domain === null ? null : (this.#revisions.get(domain) ?? 0);
    return checkHash(line, this.#hash) ?? checkLink(record, this.end, before);
  }

  #take({ domain, revision, position, hash, time }: EventRecord): void {
    if (domain !== null && revision !== null) this.#revisions.set(domain, revision);
    this.end = { position, hash, time };
  }
}
