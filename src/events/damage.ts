import { SnapledgerError } from "../errors.ts";

export const damageHint =
  "Nothing in the store was changed. `snapledger verify` tells how far it is proven; `snapledger salvage NEWFOLDER` brings back all that can be proven.";

/** A record that is not there, or not what was written. `position` 0: unknown. */
export function damaged(position: number, why: string, cause?: unknown): SnapledgerError {
  const where = position > 0 ? `The log is damaged at position ${position}` : "The log is damaged";
  return new SnapledgerError("LOG_DAMAGED", `${where}: ${why}.`, {
    facts: { position: position || null, why },
    hint: damageHint,
    cause,
  });
}
