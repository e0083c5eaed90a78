import { isSnapledgerError } from "../errors.ts";
import type { EventRecord } from "./events.ts";
import type { DomainId } from "./ids.ts";
import type { EventLog, LogHead, StoredRecord } from "./log.ts";
import { sha256 } from "./hash.ts";
import { beforeFirst, checkHash, checkLink, type Hash, type Link } from "./seal.ts";

export interface Verdict {
  readonly ok: boolean;
  readonly head: LogHead;
  /** Records whose hash, link, position and revision were proven, counted from position 1. */
  readonly valid: number;
  /** The first position that is not as it must be, and why. */
  readonly firstBad: { readonly position: number; readonly why: string } | null;
}

export interface VerifyOptions {
  readonly hash?: Hash;
  /** Called about every thousand records. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A log that can prove its indexes (see LevelEventLog). */
interface Indexed {
  missingIndex(records: readonly EventRecord[]): Promise<number | null>;
}

const recordsAtOnce = 1000;

/**
 * Walks the whole log: every record's hash, its link to the one before it, positions and each domain's revisions
 * without gaps, up to the head; and that each record is found by the indexes. Changes nothing, and resolves with what
 * it found rather than rejecting with LOG_DAMAGED. Rejects with STORE_FORMAT where a newer version wrote.
 */
export async function verifyLog(
  log: EventLog & Partial<Indexed>,
  { hash = sha256, onProgress }: VerifyOptions = {},
): Promise<Verdict> {
  const head = await log.head();
  const chain = new Chain(hash);
  let batch: EventRecord[] = [];
  const provenIndexes = async (): Promise<boolean> => {
    const missing = (await log.missingIndex?.(batch)) ?? null;
    batch = [];
    if (missing !== null) chain.firstBad = { position: missing, why: "an index does not lead to it" };
    return missing === null;
  };
  try {
    for await (const stored of log.read({ to: head.position + 1 })) {
      if (!chain.prove(stored)) break;
      batch.push(stored.record);
      if (batch.length < recordsAtOnce) continue;
      onProgress?.(chain.end.position, head.position);
      if (!(await provenIndexes())) break;
    }
    if (!chain.firstBad && (await provenIndexes())) chain.endsAt(head);
  } catch (error) {
    if (!isSnapledgerError(error, "LOG_DAMAGED")) throw error;
    const { position, why } = error.facts as { position?: number | null; why?: string };
    chain.firstBad = { position: position ?? chain.end.position + 1, why: why ?? error.message };
  }
  onProgress?.(chain.end.position, head.position);
  const { firstBad, end } = chain;
  return { ok: firstBad === null, head, valid: Math.min(end.position, (firstBad?.position ?? Infinity) - 1), firstBad };
}

/** What is proven so far. */
class Chain {
  firstBad: Verdict["firstBad"] = null;
  end: Link = beforeFirst;
  readonly #hash: Hash;
  readonly #revisions = new Map<DomainId, number>();

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  prove({ record, line }: StoredRecord): boolean {
    const { domain, revision, position, hash, time } = record;
    const before = domain === null ? null : (this.#revisions.get(domain) ?? 0);
    const why = checkHash(line, this.#hash) ?? checkLink(record, this.end, before);
    if (why !== null) {
      this.firstBad = { position: this.end.position + 1, why };
      return false;
    }
    if (domain !== null && revision !== null) this.#revisions.set(domain, revision);
    this.end = { position, hash, time };
    return true;
  }

  endsAt(head: LogHead): void {
    if (this.end.hash !== head.hash) this.firstBad = { position: head.position, why: "its hash is not the head's" };
  }
}
