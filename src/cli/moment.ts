import { SnapledgerError } from "../errors.ts";
import type { AsOf } from "../face.ts";
import { wholeNumber } from "./input.ts";
import type { Cli } from "./verb.ts";

/** A point in the log as a person gives it: a position, or a time as ISO 8601 UTC with milliseconds. */
export type Moment = { readonly position: number } | { readonly time: string };

/** For a verb's `options`. */
export const atOption = ["--at <position|time>", "as it was then: after this record, or at this time"] as const;

const form = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(\.\d{1,9})?)?)? ?(Z|[+-]\d\d:?\d\d)?$/;

/**
 * `42`, `2026-11-25`, `2026-11-25 14:03`, `2026-11-25T14:03:09.120Z`; without a zone it is the machine's. What is shown
 * to the second happened within it: with `whole` a time that is given to the second means the end of that second.
 */
export function momentFrom(text: string, what: string, { whole = false } = {}): Moment {
  if (/^\d+$/.test(text)) return { position: wholeNumber(text, 1, what) };
  const [, date, minutes = "00:00", seconds, fraction, zone = ""] = form.exec(text.trim()) ?? [];
  const rest = whole && seconds !== undefined && fraction === undefined ? ".999" : (fraction ?? "");
  const time = Date.parse(`${date ?? "?"}T${minutes}:${seconds ?? "00"}${rest}${zone}`);
  if (!Number.isNaN(time)) return { time: new Date(time).toISOString() };
  throw new SnapledgerError("USAGE", `${what} takes a position or a time, not "${text}".`, {
    hint: "Such as 42, 2026-11-25, '2026-11-25 14:03' or 2026-11-25T14:03:09Z.",
  });
}

/** What `--at` asks for; nothing when it is not given. USAGE, POSITION_NOT_FOUND. */
export async function asOf(cli: Cli): Promise<AsOf> {
  const text = cli.input.value("at");
  return text === undefined ? {} : { at: await positionOf(cli, text, "--at") };
}

/** The position that a moment is right after. */
export async function positionOf(cli: Cli, text: string, what: string): Promise<number> {
  const moment = momentFrom(text, what, { whole: true });
  return "position" in moment ? moment.position : (await cli.connection()).positionAt(moment.time);
}
