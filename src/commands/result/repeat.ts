import { SnapledgerError } from "../../errors.ts";
import type { Command } from "../../events/command.ts";
import type { EventRecord } from "../../events/events.ts";
import type { EventLog } from "../../events/log.ts";
import type { Outcome } from "../request.ts";
import { repeatedOutcome } from "./outcome.ts";
import { mergeUnsettled } from "./pending-folds.ts";
import type { Recovery } from "../recovery/recover.ts";
import type { Operation } from "../context.ts";
import { isSameCommand, reused } from "../operation/command-id.ts";

/**
 * What came of this command id when it was used before: its outcome, or its error thrown again; undefined when it is
 * new. COMMAND_ID_REUSED when it was another command's. A merge is given as it stands after this recovery: who asks
 * again because its folds were pending must not take that for their end.
 */
export async function repeated(
  operation: Operation,
  command: Command,
  recovery: Recovery,
): Promise<Outcome | undefined> {
  const { commandId } = operation.request;
  if (commandId === null || commandId === undefined) return undefined;
  const { log } = operation.context;
  const first = await log.use((open) => open.findCommand(commandId));
  if (!first) return undefined;
  if (!isSameCommand(first, command, operation.state.id)) throw reused(first, commandId);
  const records = await log.use((open) => sameOperation(open, first));
  for (const record of records) {
    if (record.type === "CommandRejected") throw again(record, record.data.errorFacts, record.data.hint ?? undefined);
    if (record.type === "OperationFailed") {
      throw again(record, {}, "This command id stands for that failure. Try again with a new one.");
    }
  }
  const decided = records.find(isOutcome) ?? null;
  const told = repeatedOutcome(operation, command, decided, recovery);
  const outcome = { ...told, domain: { ...told.domain, id: first.domain ?? told.domain.id } };
  if (decided?.type !== "SnapshotMerged" || first.type !== "OperationStarted") return outcome;
  const unsettled = mergeUnsettled(operation.state, decided, recovery.compaction, outcome);
  if (unsettled) throw unsettled;
  return outcome;
}

async function sameOperation(log: EventLog, first: EventRecord): Promise<EventRecord[]> {
  const records: EventRecord[] = [];
  if (first.domain === null || first.revision === null) return [first];
  for await (const { record } of log.readDomain(first.domain, { fromRevision: first.revision })) {
    if (record.operation === first.operation) records.push(record);
  }
  return records;
}

function isOutcome({ type }: EventRecord): boolean {
  return !["OperationStarted", "FoldStarted", "LayersCompacted", "LayersRemoved"].includes(type);
}

function again(
  { data, position }: Extract<EventRecord, { type: "CommandRejected" | "OperationFailed" }>,
  facts: Readonly<Record<string, unknown>>,
  hint: string | undefined,
): SnapledgerError {
  const error = new SnapledgerError(data.code, data.message, { facts, ...(hint !== undefined && { hint }) });
  error.position = position;
  return error;
}
