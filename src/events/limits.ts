import { SnapledgerError } from "../errors.ts";
import type { NewEvent } from "./events.ts";

/** What the log can never hold more of; beyond is TOO_LARGE and nothing is appended. */
export const limits = {
  /** One record names all that a command destroyed: 16,384 snapshots with the longest names take 20 MiB (measured). */
  recordBytes: 64 * 1024 * 1024,
  reasonBytes: 4 * 1024,
  descriptionBytes: 64 * 1024,
  ticketBytes: 256,
  commandIdBytes: 256,
} as const;

const utf8 = new TextEncoder();

/** A record grows with what its command does, not with what anybody wrote. */
const inParts = "Do it in smaller parts: merge or discard some of the snapshots first.";

/** Rejects with TOO_LARGE when `text` is longer than `limit` in UTF-8. `what` it is, as in `command id`. */
export function limitBytes(what: string, text: string, limit: number): void {
  // No character of a JavaScript string takes more than three bytes: most texts need not be encoded to know.
  if (text.length * 3 <= limit) return;
  const bytes = utf8.encode(text).length;
  if (bytes <= limit) return;
  throw new SnapledgerError("TOO_LARGE", `The ${what} has ${bytes} bytes, more than ${limit}.`, {
    facts: { what, bytes, limit },
    hint: what === "record" ? inParts : "Shorten it, or put the long text elsewhere and name the place.",
  });
}

/** The fields that users fill in. Rejects with TOO_LARGE. */
export function checkLimits(event: NewEvent): void {
  if (event.reason !== null) limitBytes("reason", event.reason, limits.reasonBytes);
  if (event.ticket !== null) limitBytes("ticket", event.ticket, limits.ticketBytes);
  if (event.commandId !== null) limitBytes("command id", event.commandId, limits.commandIdBytes);
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
