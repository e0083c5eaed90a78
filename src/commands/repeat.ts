import { SnapledgerError } from "../errors.ts";
import type { Command } from "../events/command.ts";
import type { EventRecord } from "../events/events.ts";
import type { CommandId, DomainId } from "../events/ids.ts";
import type { EventLog } from "../events/log.ts";
import type { Outcome } from "./request.ts";
import type { Directory } from "../projections/directory.ts";
import { retold } from "./outcome.ts";
import { mergeUnsettled } from "./pending.ts";
import type { Recovery } from "./recover.ts";
import type { Operation } from "./stage.ts";

/**
 * What came of this command id when it was used before: its outcome, or its error thrown again; undefined when it is
 * new. COMMAND_ID_REUSED when it was another command's. A merge is told as it stands after this recovery: whoever asks
 * again because its folds were pending must not take that for their end.
 */
export async function repeated(
  operation: Operation,
  command: Command,
  recovery: Recovery,
): Promise<Outcome | undefined> {
  const { commandId } = operation.request;
  if (commandId === null || commandId === undefined) return undefined;
  const { log } = operation.stage;
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
  const told = retold(operation, command, decided, recovery);
  const outcome = { ...told, domain: { ...told.domain, id: first.domain ?? told.domain.id } };
  if (decided?.type !== "SnapshotMerged" || first.type !== "OperationStarted") return outcome;
  const unsettled = mergeUnsettled(operation.state, decided, recovery.compaction, outcome);
  if (unsettled) throw unsettled;
  return outcome;
}

/** The domain, gone by now, that this command id was used on, if that is what it is called by. */
export async function goneDomainOf(
  log: EventLog,
  { domains }: Directory,
  nameOrId: string,
  commandId: CommandId | null | undefined,
): Promise<DomainId | undefined> {
  if (commandId === null || commandId === undefined) return undefined;
  const domain = (await log.findCommand(commandId))?.domain ?? undefined;
  if (domain === undefined) return undefined;
  return nameOrId === domain || nameOrId === domains.get(domain)?.name ? domain : undefined;
}

/**
 * The log's position at which the request's command id is free, for its first use to be appended there: commands on
 * other domains do not wait for this one. null without an id. COMMAND_ID_REUSED, or OPERATION_IN_PROGRESS when the
 * same command has begun elsewhere.
 */
export async function commandIdFreeAt({ request, stage, state }: Operation, command: Command): Promise<number | null> {
  const { commandId } = request;
  if (commandId === null || commandId === undefined) return null;
  const [first, { position }] = await stage.log.use(async (log) => {
    const head = await log.head();
    return [await log.findCommand(commandId), head] as const;
  });
  if (!first) return position;
  if (!isSameCommand(first, command, state.id)) throw reused(first, commandId);
  const message = `The command with the id "${commandId}" has begun already, at position ${first.position}.`;
  const hint = "Run it again once that has ended: it is then told what came of it.";
  throw new SnapledgerError("OPERATION_IN_PROGRESS", message, { facts: { commandId, position: first.position }, hint });
}

function reused({ position }: EventRecord, commandId: CommandId): SnapledgerError {
  const hint = "Give each command an id of its own; the same id only repeats the same command.";
  const message = `The command id "${commandId}" was used for another command, at position ${position}.`;
  return new SnapledgerError("COMMAND_ID_REUSED", message, { facts: { commandId, position }, hint });
}

function isSameCommand(first: EventRecord, command: Command, domain: DomainId): boolean {
  if (first.type !== "OperationStarted" && first.type !== "CommandRejected") return false;
  const sameDomain = command.type === "DefineDomain" || first.domain === domain;
  return sameDomain && comparable(first.data.command) === comparable(command);
}

/** Without what the same command may differ in: by which name its domain was called, and a made-up uuid. */
function comparable(command: Command): string {
  const fields = Object.entries({ ...command, domain: null, uuid: null });
  return JSON.stringify(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
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
