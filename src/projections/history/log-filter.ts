import type { EventRecord, EventType } from "../../events/events.ts";
import type { StoredRecord } from "../../events/log.ts";
import { explain } from "../explain/explain.ts";

/** Which records are asked for; all that is given must hold. */
export interface LogFilter {
  /** Any of these. */
  readonly types?: readonly EventType[];
  /** A user's name or number, also that of a user who became root by sudo, or logged in as it. */
  readonly actor?: string;
  readonly ticket?: string;
  /** An operation's id, or the start of one. */
  readonly operation?: string;
  /** Only refusals. */
  readonly rejected?: boolean;
  /** Text that its sentence or its stored line holds, in capitals or not. Never a pattern. */
  readonly grep?: string;
}

export function passesFilter({ record, line }: StoredRecord, filter: LogFilter, domain?: string): boolean {
  const { types, actor, ticket, operation, rejected, grep } = filter;
  if (types && types.length > 0 && !types.includes(record.type)) return false;
  if (rejected && record.type !== "CommandRejected") return false;
  if (ticket !== undefined && record.ticket !== ticket) return false;
  if (operation !== undefined && !record.operation?.startsWith(operation)) return false;
  if (actor !== undefined && !isBy(record, actor)) return false;
  return (
    grep === undefined || holds(line, grep) || holds(explain(record, domain === undefined ? {} : { domain }), grep)
  );
}

function isBy({ actor: { user, uid, loginUid, sudoUser } }: EventRecord, actor: string): boolean {
  return [user, sudoUser, uid, loginUid].some((name) => name !== null && String(name) === actor);
}

function holds(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}
