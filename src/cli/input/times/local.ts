import { startOfDay } from "./calendar.ts";
import type { Wrong } from "./calendar.ts";
import { clockText, firstInstant, instantsOf } from "./wall-clock.ts";
import type { WallClock } from "./wall-clock.ts";

/** What the clocks of a place show, as an instant; where they are moved it is refused, or said which one is taken. */

/** Something to know about a time that was understood. */
export interface TimeNotice {
  readonly code: "TIME_TWICE" | "TIME_SKIPPED";
  readonly message: string;
  readonly hint: string;
}

export interface Understood {
  /** Milliseconds since 1970. */
  readonly instant: number;
  readonly notice?: TimeNotice;
}

/** Of an hour that was typed: wrong when the clocks skip it, the first of two when they are put back. */
export function typedTime(shown: number, clock: WallClock): Understood | Wrong {
  const [first, second] = instantsOf(shown, clock);
  if (first !== undefined) return firstOf(first, second, clock);
  const instant = firstInstant(shown, clock);
  const [from, to] = [clock(instant - 1) + 1, clock(instant)].map(timeText);
  return {
    wrong:
      `There is no such time here: the clocks go from ${from} to ${to}. ` +
      `Give another, or one with a zone, such as '${clockText(instant, clock)}'.`,
  };
}

/** Of an hour that nobody typed: a job that asks for -1d must not fail on one day of the year. */
export function countedTime(shown: number, clock: WallClock): Understood {
  const [first, second] = instantsOf(shown, clock);
  if (first !== undefined) return firstOf(first, second, clock);
  const instant = firstInstant(shown, clock);
  const message = `The clocks here skip ${timeText(shown)}; the instant when they do is taken: ${clockText(instant, clock)}.`;
  return { instant, notice: { code: "TIME_SKIPPED", message, hint: "Give a time of its own for another." } };
}

/** A day also begins when its midnight is skipped; but a place that changes sides of the date line skips a whole day. */
export function typedDay(day: number, clock: WallClock): Understood | Wrong {
  const instant = firstInstant(day, clock);
  if (startOfDay(clock(instant)) === day) return { instant };
  return { wrong: "The clocks here skip this whole day. Give the one before or after it." };
}

function firstOf(instant: number, second: number | undefined, clock: WallClock): Understood {
  if (second === undefined) return { instant };
  const twice = timeText(clock(instant));
  const message = `The clocks here show ${twice} twice; the first is taken: ${clockText(instant, clock)}.`;
  return { instant, notice: { code: "TIME_TWICE", message, hint: `The other is '${clockText(second, clock)}'.` } };
}

function timeText(shown: number): string {
  return new Date(shown).toISOString().slice(0, 16).replace("T", " ");
}
