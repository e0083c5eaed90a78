/** The calendar and the clock as numbers, without any zone: all are milliseconds, days since 1970. */

export interface Wrong {
  /** Why it is no time, and what to give instead; undefined when it does not look like one. */
  readonly wrong: string | undefined;
}

export const [secondMs, minuteMs, hourMs, dayMs] = [1000, 60_000, 3_600_000, 86_400_000];

/** A day that the calendar has: not 2026-11-31, which Date.parse takes for the day after. */
export function dayOf(year: number, month: number, date: number): number | Wrong {
  if (month < 1 || month > 12) return { wrong: "A year has the months 01 to 12." };
  const last = new Date(new Date(0).setUTCFullYear(year, month, 0)).getUTCDate();
  if (date >= 1 && date <= last) return new Date(0).setUTCFullYear(year, month - 1, date);
  const shown = `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
  return { wrong: `There is no such day: ${shown} has the days 01 to ${last}.` };
}

export function startOfDay(shown: number): number {
  return Math.floor(shown / dayMs) * dayMs;
}

/**
 * `14:03`, `14:03:09` or `14:03:09.120` as what has passed since midnight. What is shown to the second happened within
 * it: with `whole` such a time means the end of that second.
 */
export function timeOfDay(text: string, whole: boolean): number | Wrong {
  const parts = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/.exec(text);
  if (!parts) return { wrong: "A time of day is HH:MM, HH:MM:SS or HH:MM:SS.mmm, such as 09:05." };
  const [, hours, minutes, seconds = "0", fraction = ""] = parts;
  const ms = Number(fraction.padEnd(3, "0").slice(0, 3));
  const passed = Number(hours) * hourMs + Number(minutes) * minuteMs + Number(seconds) * secondMs + ms;
  const exists = Number(minutes) < 60 && Number(seconds) < 60 && (Number(hours) < 24 || passed === dayMs);
  if (!exists) return { wrong: "A day has the times 00:00 to 23:59:59; 24:00 is its end." };
  return whole && parts[3] !== undefined && fraction === "" ? passed + secondMs - 1 : passed;
}

/** `Z`, `+01`, `+0100`, `+01:00`: how far a zone's clocks are ahead of UTC's. */
export function zoneOffset(text: string): number | Wrong {
  if (text === "Z") return 0;
  const [hours, minutes] = [Number(text.slice(1, 3)), Number(text.slice(3).replace(":", ""))];
  if (hours > 23 || minutes > 59) return { wrong: "A zone is Z, or from -23:59 to +23:59." };
  return (text.startsWith("-") ? -1 : 1) * (hours * hourMs + minutes * minuteMs);
}
