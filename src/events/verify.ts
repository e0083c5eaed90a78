import { isSnapledgerError } from "../errors.ts";
import { Chain } from "./chain.ts";
import type { EventRecord } from "./events.ts";
import type { EventLog, LogHead } from "./log.ts";
import { sha256 } from "./hash.ts";
import type { Hash } from "./seal.ts";

export interface Verdict {
  readonly ok: boolean;
  /** Where the log has to end; null when nothing says so any more. */
  readonly head: LogHead | null;
  /** Records whose hash, link, position and revision were proven, counted from position 1. */
  readonly valid: number;
  /** The first position that is not as it must be, and why. */
  readonly firstBad: { readonly position: number; readonly why: string } | null;
  /** Where the record with the hash asked for stands; null when none was asked for, or it is not there. */
  readonly heldAt: number | null;
}

export interface VerifyOptions {
  readonly hash?: Hash;
  /** Called about every thousand records. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Where the log has to end; else where it says itself that it does. */
  readonly head?: LogHead;
  /** The hash of a record that has to be there: the head of any earlier copy. */
  readonly holds?: string;
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
  { hash = sha256, onProgress, head, holds }: VerifyOptions = {},
): Promise<Verdict> {
  const end = await log.head();
  const must = head ?? end;
  const chain = new Chain(hash);
  let firstBad: Verdict["firstBad"] = null;
  const bad = (position: number, why: string) => (firstBad ??= { position, why });
  let heldAt: number | null = null;
  let batch: EventRecord[] = [];
  const proveIndexes = async (): Promise<void> => {
    const missing = (await log.missingIndex?.(batch)) ?? null;
    batch = [];
    if (missing !== null) bad(missing, "an index does not lead to it");
  };
  try {
    for await (const stored of log.read({ to: end.position + 1 })) {
      const position = chain.end.position + 1;
      const isHead = position === must.position;
      const why = chain.prove(stored) ?? (isHead && chain.end.hash !== must.hash ? "its hash is not the head's" : null);
      if (why !== null) {
        bad(position, why);
        break;
      }
      if (stored.record.hash === holds) heldAt = chain.end.position;
      batch.push(stored.record);
      if (batch.length < recordsAtOnce) continue;
      onProgress?.(chain.end.position, end.position);
      await proveIndexes();
    }
    await proveIndexes();
  } catch (error) {
    if (!isSnapledgerError(error, "LOG_DAMAGED")) throw error;
    const { position, why } = error.facts as { position?: number | null; why?: string };
    bad(position ?? chain.end.position + 1, why ?? error.message);
  }
  if (chain.end.position < must.position)
    bad(chain.end.position + 1, `it is missing: the log went on to ${must.position}`);
  if (holds !== undefined && heldAt === null) bad(chain.end.position + 1, `no record has the hash ${holds}`);
  onProgress?.(must.position, must.position);
  return verdict(must, chain.end.position, firstBad, heldAt);
}

function verdict(head: LogHead, proven: number, firstBad: Verdict["firstBad"], heldAt: number | null): Verdict {
  const valid = Math.min(proven, (firstBad?.position ?? Infinity) - 1);
  return { ok: firstBad === null, head, valid, firstBad, heldAt };
}
