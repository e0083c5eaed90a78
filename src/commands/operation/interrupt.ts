import { SnapledgerError } from "../../errors.ts";

/** INTERRUPTED when the caller has asked to stop. */
export function checkNotInterrupted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new SnapledgerError("INTERRUPTED", "Stopped as asked.", { hint: "Nothing was changed; run it again." });
}
