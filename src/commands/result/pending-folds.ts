import { cliCommand, SnapledgerError } from "../../errors.ts";
import type { RecordOf } from "../../events/events.ts";
import type { DomainState } from "../../projections/state.ts";
import { count } from "../../projections/explain/wording.ts";
import type { Outcome } from "../request.ts";
import type { Compaction } from "../recovery/compact.ts";

/** What is said of folds that could not be done: COMPACTION_PENDING, or INTERRUPTED when it was asked to stop. */
export function foldsPending(state: DomainState, { pending, blockedBy, waitsFor }: Compaction): SnapledgerError {
  const cause = blockedBy ?? waitsFor;
  const facts = { domain: state.name, folds: pending.length, cause: cause?.code ?? null };
  const goOn = howToGoOn(state.name, blockedBy);
  if (blockedBy?.code === "INTERRUPTED") {
    return new SnapledgerError("INTERRUPTED", `Stopped as asked, with ${count(pending.length, "fold")} to do.`, {
      facts,
      hint: goOn,
    });
  }
  const waits = pending.length === 1 ? "waits" : "wait";
  const what = `${count(pending.length, "fold")} of "${state.name}" ${blockedBy ? "could not be done" : waits}`;
  const message = `${what}: ${cause?.message ?? "unknown cause"}`;
  return new SnapledgerError("COMPACTION_PENDING", message, { facts, hint: goOn });
}

/** What only a person can put right has to be before anything goes on. */
function howToGoOn(domain: string, blockedBy: SnapledgerError | null): string {
  const first = blockedBy?.code === "NEEDS_OPERATOR" ? (blockedBy.hint ?? "") : "All snapshots read right meanwhile.";
  return `${first} To go on: ${cliCommand("compact", domain)}.`;
}

/**
 * Why a recorded merge is not plain success, now or told again: the base *file* is right only when the merge's own folds
 * have ended, and a person who pressed Ctrl-C must know where things stand. Elsewhere a pending fold is a warning: every
 * name reads right.
 */
export function mergeUnsettled(
  state: DomainState,
  { position, data: { snapshot, into } }: RecordOf<"SnapshotMerged">,
  compaction: Compaction,
  outcome: Outcome,
): SnapledgerError | null {
  const { pending, blockedBy, waitsFor } = compaction;
  const interrupted = blockedBy?.code === "INTERRUPTED";
  // Later merges may wait to follow it: what the base image last got, it got with all that was merged before.
  const unfolded = state.disks.some(
    (target) => state.baseRoles[target] !== state.bases[target] && (state.baseFolds[target] ?? 0) < position,
  );
  if (pending.length === 0 || !(interrupted || (into === null && unfolded))) return null;
  const where = into ? `"${into.name}"` : "the base image";
  const message =
    `The merge of "${snapshot.name}" into ${where} is recorded, but its content is not all in the file yet: ` +
    ((blockedBy ?? waitsFor)?.message ?? "unknown cause");
  const error = new SnapledgerError(interrupted ? "INTERRUPTED" : "COMPACTION_PENDING", message, {
    facts: { outcome, folds: pending.length, cause: (blockedBy ?? waitsFor)?.code ?? null },
    hint: howToGoOn(outcome.domain.name, blockedBy),
  });
  error.position = position;
  return error;
}
