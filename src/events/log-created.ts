import { SnapledgerError } from "../errors.ts";
import type { Actor, EventRecord, NewEvent } from "./events.ts";

/** The event at position 1 of every log. */
export function logCreated(logId: string, actor: Actor): NewEvent {
  const envelope = { domain: null, actor, reason: null, ticket: null, operation: null, commandId: null };
  return { ...envelope, type: "LogCreated", schema: 1, data: { logId, format: 1 } };
}

/** The log's id, from its first record. Rejects with LOG_DAMAGED when that is not LogCreated. */
export function logIdOf(first: EventRecord | undefined): string {
  if (first?.type === "LogCreated") return first.data.logId;
  throw new SnapledgerError("LOG_DAMAGED", "The log does not begin with LogCreated.", {
    facts: { position: 1 },
    hint: "Nothing was changed. Put a backup of the store back.",
  });
}
