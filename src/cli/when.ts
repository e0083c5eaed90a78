import { SnapledgerError } from "../errors.ts";

/** `2026-11-25`, with `T10:00`, seconds and fractions if wanted, and `Z` or an offset; without one, local time. */
const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** A time as typed, as records have it: ISO 8601, UTC, milliseconds. A day alone begins at midnight, local time. */
export function timeOf(text: string, option: string): string {
  const time = new Date(/T/.test(text) ? text : `${text}T00:00`);
  if (form.test(text) && !Number.isNaN(time.getTime())) return time.toISOString();
  throw new SnapledgerError("USAGE", `${option} takes a time, not "${text}".`, {
    hint: "Such as 2026-11-25, 2026-11-25T10:00 or 2026-11-25T09:00:00Z.",
  });
}
