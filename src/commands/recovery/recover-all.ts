import { isSnapledgerError, SnapledgerError } from "../../errors.ts";
import type { DomainRef } from "../../events/records.ts";
import type { Outcome } from "../request.ts";

/** A domain that could not be settled, and why. */
export type Unsettled = { readonly domain: DomainRef } & ReturnType<SnapledgerError["toJSON"]>;

/**
 * Recovers one domain after the other: what keeps one from being settled keeps no other. If any was, the first error is
 * thrown when all have been tried, and has in its facts the `outcomes` of those that are settled, and `unsettled`. What
 * is wrong with the log itself, or Ctrl-C, ends it at once.
 */
export async function recoverAll(
  domains: readonly DomainRef[],
  recover: (domain: DomainRef) => Promise<Outcome>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const failed: { readonly domain: DomainRef; readonly error: SnapledgerError }[] = [];
  for (const domain of domains) {
    try {
      outcomes.push(await recover(domain));
    } catch (error) {
      if (!isSnapledgerError(error)) throw error;
      failed.push({ domain, error });
      if (error.code === "INTERRUPTED" || error.code.startsWith("LOG_")) break;
    }
  }
  const [first] = failed;
  if (!first) return outcomes;
  const unsettled = failed.map(({ domain, error }): Unsettled => ({ domain, ...error.toJSON() }));
  throw withFacts(first.error, { outcomes, unsettled });
}

function withFacts(cause: SnapledgerError, more: Readonly<Record<string, unknown>>): SnapledgerError {
  const { code, message, hint, position } = cause;
  const facts = { ...cause.facts, ...more };
  const error = new SnapledgerError(code, message, { facts, cause, ...(hint !== undefined && { hint }) });
  error.position = position;
  return error;
}
