import { fromBase64, toBase64 } from "./base64.ts";

/**
 * The texts around a signed tree, as the transparency log specifications have them, so that witnesses and tools made
 * for those can read ours: c2sp.org/tlog-checkpoint, tlog-proof and (for consistency) tlog-witness.
 */

/** What a log says of itself: so many records, and the root over them. */
export interface TreeHead {
  /** Which log: unique, for good. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A log's origin, and the name of its key. */
export function originOf(logId: string): string {
  return `snapledger/${logId}`;
}

/** The text of the note that is signed. */
export function checkpointText({ origin, size, root }: TreeHead): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** undefined when it is no checkpoint. Extension lines are allowed, and nothing is read from them. */
export function parseCheckpoint(text: string): TreeHead | undefined {
  const lines = text.split("\n");
  const [origin = "", size = "", encoded = ""] = lines;
  const root = fromBase64(encoded);
  if (lines.pop() !== "" || lines.includes("")) return undefined;
  if (!/^(0|[1-9]\d{0,14})$/.test(size) || root?.length !== 32) return undefined;
  return { origin, size: Number(size), root };
}

/** A `.tlog-proof`: that the record at `index` (position - 1) is in the tree of this signed checkpoint. */
export function inclusionText(index: number, proof: readonly Uint8Array[], checkpoint: string): string {
  return ["c2sp.org/tlog-proof@v1", `index ${index}`, ...proof.map(toBase64), "", checkpoint].join("\n");
}

/** What a witness takes: that the tree of this signed checkpoint begins with the one of `old` leaves. */
export function consistencyText(old: number, proof: readonly Uint8Array[], checkpoint: string): string {
  return [`old ${old}`, ...proof.map(toBase64), "", checkpoint].join("\n");
}
