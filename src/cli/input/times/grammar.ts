import { dayMs, dayOf, hourMs, minuteMs, secondMs, startOfDay, timeOfDay, zoneOffset } from "./calendar.ts";
import type { Wrong } from "./calendar.ts";
import { countedTime, typedDay, typedTime } from "./local.ts";
import type { Understood } from "./local.ts";
import type { WallClock } from "./wall-clock.ts";

/** What a time is read against. */
export interface Here {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly clock: WallClock;
}

/** For help texts: every form. */
export const timeForms = [
  "2026-11-25, '2026-11-25 14:03', '2026-11-25 14:03:09 +0100', 2026-11-25T13:03:09.120Z,",
  "now, today, yesterday, 'yesterday 14:03', -2h, '3 days ago' (s, min, h, days, weeks).",
  "Without a zone they are what this machine's clocks show; a day alone is its beginning.",
] as const;

/** For a hint, when a text is in none of the forms. */
export const timeExamples = "2026-11-25, '2026-11-25 14:03', 2026-11-25T14:03:09Z, yesterday, '3 days ago' or -2h";

const minusForm = /^- ?(\d+) ?([a-z]+)$/i;
const agoForm = /^(\d+) ?([a-z]+) +ago$/i;
const wordForm = /^(today|yesterday)(?: +([\d:.]+))?$/i;
const dateForm = /^(\d{4})-(\d\d)-(\d\d)(?:[T ]([\d:.]+))?(?: ?(Z|[+-]\d\d(?::?\d\d)?))?$/;

const units: readonly (readonly [names: RegExp, length: { readonly ms: number } | { readonly days: number }])[] = [
  [/^(s|secs?|seconds?)$/i, { ms: secondMs }],
  [/^(mins?|minutes?)$/i, { ms: minuteMs }],
  [/^(h|hours?)$/i, { ms: hourMs }],
  [/^(d|days?)$/i, { days: 1 }],
  [/^(w|weeks?)$/i, { days: 7 }],
];

/**
 * The one grammar of times, as `timeForms` has it. Pure. What is shown to the second happened within it: with `whole`
 * a time that is given to the second means the end of that second.
 */
export function readTime(text: string, here: Here, { whole = false } = {}): Understood | Wrong {
  const read = understood(text.trim(), here, whole);
  // The log's times are compared as texts, which needs four digits of the year.
  if ("wrong" in read || (read.instant >= firstTime && read.instant <= lastTime)) return read;
  return outOfRange;
}

const [firstTime, lastTime] = [Date.parse("0000-01-01T00:00:00.000Z"), Date.parse("9999-12-31T23:59:59.999Z")];
const noTime: Wrong = { wrong: undefined };
const outOfRange: Wrong = { wrong: "Times go from the year 0000 to 9999." };

function understood(text: string, here: Here, whole: boolean): Understood | Wrong {
  if (/^now$/i.test(text)) return { instant: here.now };
  const [, amount, unit] = minusForm.exec(text) ?? agoForm.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) return ago(Number(amount), unit, here);
  const [, word, hour] = wordForm.exec(text) ?? [];
  if (word !== undefined) return onDay(dayCalled(word, here), { time: hour, zone: undefined, whole }, here);
  const [, year, month, date, time, zone] = dateForm.exec(text) ?? [];
  if (year === undefined) return noTime;
  const day = dayOf(Number(year), Number(month), Number(date));
  return typeof day === "number" ? onDay(day, { time, zone, whole }, here) : day;
}

/** Days and weeks go back on the calendar, to the same hour: where the clocks are moved a day has 23 or 25 hours. */
function ago(amount: number, unit: string, { now, clock }: Here): Understood | Wrong {
  const [, length] = units.find(([names]) => names.test(unit)) ?? [];
  if (!length) return { wrong: `There is no unit "${unit}": give s, min, h, days or weeks.` };
  if ("ms" in length) return { instant: now - amount * length.ms };
  const shown = clock(now) - amount * length.days * dayMs;
  return shown < firstTime ? outOfRange : countedTime(shown, clock);
}

function dayCalled(word: string, { now, clock }: Here): number {
  const today = startOfDay(clock(now));
  return word.toLowerCase() === "today" ? today : today - dayMs;
}

interface OnDay {
  readonly time: string | undefined;
  readonly zone: string | undefined;
  readonly whole: boolean;
}

function onDay(day: number, { time, zone, whole }: OnDay, { clock }: Here): Understood | Wrong {
  if (time === undefined && zone === undefined) return typedDay(day, clock);
  // `2026-11-25-11` would be a day in a zone, which nobody means.
  if (time === undefined && zone?.length === 3) return noTime;
  const passed = time === undefined ? 0 : timeOfDay(time, whole);
  if (typeof passed !== "number") return passed;
  if (zone === undefined) return typedTime(day + passed, clock);
  const offset = zoneOffset(zone);
  return typeof offset === "number" ? { instant: day + passed - offset } : offset;
}
