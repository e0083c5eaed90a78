import type { Operation } from "../context.ts";
import { SnapledgerError } from "../../errors.ts";
import type { Command } from "../../events/command.ts";
import type { EventRecord } from "../../events/events.ts";
import type { CommandId, DomainId } from "../../events/ids.ts";
import type { EventLog } from "../../events/log.ts";
import type { Directory } from "../../projections/directory.ts";

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
export async function commandIdFreeAt(
  { request, context: context, state }: Operation,
  command: Command,
): Promise<number | null> {
  const { commandId } = request;
  if (commandId === null || commandId === undefined) return null;
  const [first, { position }] = await context.log.use(async (log) => {
    const head = await log.head();
    return [await log.findCommand(commandId), head] as const;
  });
  if (!first) return position;
  if (!isSameCommand(first, command, state.id)) throw reused(first, commandId);
  const message = `The command with the id "${commandId}" has begun already, at position ${first.position}.`;
  const hint = "Run it again once that has ended: it then gives the result of that one.";
  throw new SnapledgerError("OPERATION_IN_PROGRESS", message, { facts: { commandId, position: first.position }, hint });
}

export function reused({ position }: EventRecord, commandId: CommandId): SnapledgerError {
  const hint = "Give each command an id of its own; the same id only repeats the same command.";
  const message = `The command id "${commandId}" was used for another command, at position ${position}.`;
  return new SnapledgerError("COMMAND_ID_REUSED", message, { facts: { commandId, position }, hint });
}

export function isSameCommand(first: EventRecord, command: Command, domain: DomainId): boolean {
  if (first.type !== "OperationStarted" && first.type !== "CommandRejected") return false;
  const sameDomain = command.type === "DefineDomain" || first.domain === domain;
  return sameDomain && comparable(first.data.command) === comparable(command);
}

/** Without what the same command may differ in: by which name its domain was called, and a made-up uuid. */
function comparable(command: Command): string {
  const fields = Object.entries({ ...command, domain: null, uuid: null });
  return JSON.stringify(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}
