import type { SnapledgerError } from "../../errors.ts";
import type { Command } from "../../events/command.ts";
import type { EventRecord } from "../../events/events.ts";
import type { Plan } from "../../events/plan.ts";
import type { Sets, SnapshotRef } from "../../events/records.ts";
import { noSets } from "../../events/records.ts";
import type { Outcome, Warning } from "../request.ts";
import type { Compaction, Removal } from "../recovery/compact.ts";
import { foldsOf } from "../recovery/compact.ts";
import { noPlan } from "../rules/decision.ts";
import { currentOf, refOrNull } from "../rules/heads.ts";
import { foldsPending } from "./pending-folds.ts";
import type { Recovery } from "../recovery/recover.ts";
import type { Operation } from "../context.ts";

interface Result {
  readonly operation: Operation;
  readonly command: Command;
  readonly plan: Plan;
  readonly warnings: readonly Warning[];
  /** The event that decided it. */
  readonly outcome: EventRecord | null;
  readonly removal: Removal;
  readonly compaction: Compaction;
  readonly recovery: Recovery;
}

/** What a command did, in the face's words. */
export function resultOf({ outcome, removal, compaction, recovery, ...result }: Result): Outcome {
  const { operation, command, plan, warnings } = result;
  const pending = compaction.pending.length;
  return {
    ...basics(operation, command, plan),
    ...{ planned: false, operation: outcome ? operation.id : null, position: outcome?.position ?? null },
    ...(outcome ? summaryOf(outcome) : {}),
    ...{
      removed: removal.removed,
      folded: compaction.folded + (compaction === recovery.compaction ? 0 : recovery.compaction.folded),
    },
    ...{ foldsPending: pending, recovered: recovery.found },
    warnings: [
      ...(command.type === "RecoverDomain" ? [] : recovery.found.map(recoveredWarning)),
      ...warnings,
      ...leftWarnings(operation, { removal, compaction }),
    ],
  };
}

/** What is still to do on disk. */
function leftWarnings(operation: Operation, { removal, compaction }: Pick<Recovery, "removal" | "compaction">) {
  return [
    ...(compaction.pending.length > 0 ? [pendingWarning(operation, compaction)] : []),
    ...(removal.blockedBy ? [removalWarning(removal.blockedBy)] : []),
  ];
}

function recoveredWarning(message: string): Warning {
  return { code: "RECOVERED", message };
}

function pendingWarning({ state }: Operation, compaction: Compaction): Warning {
  const { message, hint } = foldsPending(state, compaction);
  return { code: "COMPACTION_PENDING", message, ...(hint !== undefined && { hint }) };
}

function removalWarning({ code, message }: SnapledgerError): Warning {
  const hint = "Files that nothing refers to are still there; the next changing command tries again.";
  return { code, message, hint };
}

/** What a command would do. */
export function previewOf(operation: Operation, command: Command, plan: Plan, warnings: readonly Warning[]): Outcome {
  const { sets, removes } = plan;
  return { ...basics(operation, command, plan), planned: true, sets, removed: removes, warnings };
}

/** What a command did, read from its event again, with what was found and is left now. */
export function repeatedOutcome(
  operation: Operation,
  command: Command,
  outcome: EventRecord | null,
  recovery: Recovery,
): Outcome {
  return {
    ...basics(operation, command, noPlan),
    ...(outcome && { operation: outcome.operation, position: outcome.position, ...summaryOf(outcome) }),
    recovered: recovery.found,
    warnings: [...recovery.found.map(recoveredWarning), ...leftWarnings(operation, recovery)],
    repeated: true,
  };
}

function basics({ state }: Operation, command: Command, plan: Plan): Outcome {
  const name = command.type === "DefineDomain" ? command.name : state.name;
  return {
    ...{ command: command.type, planned: false, domain: { id: state.id, name }, operation: null, position: null },
    ...{ revision: state.revision, snapshot: null, current: refOrNull(currentOf(state)), autosave: null },
    ...{ plan, sets: noSets, removed: [], folded: 0, foldsPending: foldsOf(state).length, kept: [] },
    ...{ recovered: [], warnings: [], repeated: false },
  };
}

interface EventSummary {
  snapshot?: SnapshotRef | null;
  autosave?: SnapshotRef | null;
  sets?: Sets;
  kept?: readonly string[];
}

function summaryOf(record: EventRecord): EventSummary {
  switch (record.type) {
    case "SnapshotCreated": {
      const { id, name } = record.data.snapshot;
      return { snapshot: { id, name } };
    }
    case "HeadsMoved":
      return { snapshot: record.data.to, ...kept(record.data) };
    case "SnapshotDeactivated":
      return { snapshot: record.data.snapshot, ...kept(record.data) };
    case "SnapshotMerged":
    case "SnapshotDiscarded":
      return { snapshot: record.data.snapshot, sets: record.data.sets };
    case "DomainUndefined":
      return { sets: { ...noSets, destroyed: record.data.destroyed }, kept: record.data.kept };
    default:
      return {};
  }
}

function kept({ autosave, destroyed }: { autosave: SnapshotRef | null; destroyed: Sets["destroyed"] }): EventSummary {
  return { autosave: autosave && { id: autosave.id, name: autosave.name }, sets: { ...noSets, destroyed } };
}
