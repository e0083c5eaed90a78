import { SnapledgerError } from "../errors.ts";
import type { NewEvent } from "./events.ts";
import { limits } from "./log.ts";

const utf8 = new TextEncoder();

/** A record grows with what its command does, not with what anybody wrote. */
const inParts = "Do it in smaller parts: merge or discard some of the snapshots first.";

/** Rejects with TOO_LARGE when `text` is longer than `limit` in UTF-8. */
export function limitBytes(field: string, text: string, limit: number): void {
  // No character of a JavaScript string takes more than three bytes: most texts need not be encoded to know.
  if (text.length * 3 <= limit) return;
  const bytes = utf8.encode(text).length;
  if (bytes <= limit) return;
  throw new SnapledgerError("TOO_LARGE", `The ${field} is ${bytes} bytes long; ${limit} are allowed.`, {
    facts: { field, bytes, limit },
    hint: field === "record" ? inParts : `Shorten the ${field}. What is in the log stays there for good.`,
  });
}

/** The fields that users fill in. Rejects with TOO_LARGE. */
export function checkLimits(event: NewEvent): void {
  if (event.reason !== null) limitBytes("reason", event.reason, limits.reasonBytes);
  if (event.ticket !== null) limitBytes("ticket", event.ticket, limits.ticketBytes);
  if (event.commandId !== null) limitBytes("commandId", event.commandId, limits.commandIdBytes);
  for (const description of descriptions(event)) limitBytes("description", description, limits.descriptionBytes);
}

function descriptions(event: NewEvent): string[] {
  switch (event.type) {
    case "SnapshotCreated":
      return [event.data.snapshot.description];
    case "OperationStarted":
    case "CommandRejected":
      return event.data.command.type === "CreateSnapshot" ? [event.data.command.description] : [];
    default:
      return [];
  }
}
