import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { isSnapledgerError } from "../../../../src/errors.ts";
import { momentFrom } from "../../../../src/cli/input/moment.ts";
import { readTime } from "../../../../src/cli/input/times/grammar.ts";
import { clockText, firstInstant, instantsOf, machineClock } from "../../../../src/cli/input/times/wall-clock.ts";
import type { WallClock } from "../../../../src/cli/input/times/wall-clock.ts";

/** By the zone database itself, and not by the code under test. */
function clockIn(timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat("en", {
    ...({ timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" } as const),
    ...({ hour: "numeric", minute: "numeric", second: "numeric", fractionalSecondDigits: 3 } as const),
  });
  return (instant) => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fractionalSecond = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second, fractionalSecond);
  };
}

const zones = [
  ...["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "America/Santiago"],
  // Half an hour; midnight comes twice; a zone that is ahead of UTC by the most.
  ...["Australia/Lord_Howe", "America/Havana", "Pacific/Kiritimati"],
];

const noon = "2026-11-25T12:30:15.500Z";

/** As ISO 8601 UTC, or the hint; then the code of what there is to say. */
function read(text: string, zone = "UTC", now = noon, whole = false): string {
  const reading = readTime(text, { now: Date.parse(now), clock: clockIn(zone) }, { whole });
  if ("wrong" in reading) return reading.wrong ?? "no time";
  const { instant, notice } = reading;
  return [new Date(instant).toISOString(), ...(notice ? [notice.code] : [])].join(" ");
}

describe("a time", () => {
  it.each([
    ["2026-11-25", "2026-11-24T23:00:00.000Z"],
    ["2026-11-25 14:03", "2026-11-25T13:03:00.000Z"],
    ["2026-11-25T14:03", "2026-11-25T13:03:00.000Z"],
    ["2026-11-25 14:03:09", "2026-11-25T13:03:09.000Z"],
    ["2026-11-25 14:03:09.57", "2026-11-25T13:03:09.570Z"],
    ["2026-11-25T14:03:09.1209999Z", "2026-11-25T14:03:09.120Z"],
    ["2026-11-25T14:03:09Z", "2026-11-25T14:03:09.000Z"],
    ["2026-11-25T14:03Z", "2026-11-25T14:03:00.000Z"],
    ["2026-11-25 14:03:09 +0530", "2026-11-25T08:33:09.000Z"],
    ["2026-11-25 14:03-03:30", "2026-11-25T17:33:00.000Z"],
    ["2026-11-25 14:03+01", "2026-11-25T13:03:00.000Z"],
    ["2026-11-25Z", "2026-11-25T00:00:00.000Z"],
    ["2026-11-25 +0100", "2026-11-24T23:00:00.000Z"],
    ["2026-11-30 24:00", "2026-11-30T23:00:00.000Z"],
    ["2028-02-29", "2028-02-28T23:00:00.000Z"],
    [" 2026-11-25 ", "2026-11-24T23:00:00.000Z"],
    ["now", "2026-11-25T12:30:15.500Z"],
    ["today", "2026-11-24T23:00:00.000Z"],
    ["Yesterday", "2026-11-23T23:00:00.000Z"],
    ["today 14:00", "2026-11-25T13:00:00.000Z"],
    ["yesterday 14:00:30", "2026-11-24T13:00:30.000Z"],
    ["-90s", "2026-11-25T12:28:45.500Z"],
    ["-2h", "2026-11-25T10:30:15.500Z"],
    ["- 2 h", "2026-11-25T10:30:15.500Z"],
    ["2h ago", "2026-11-25T10:30:15.500Z"],
    ["1 hour ago", "2026-11-25T11:30:15.500Z"],
    ["-1second", "2026-11-25T12:30:14.500Z"],
    ["30 min ago", "2026-11-25T12:00:15.500Z"],
    ["1 minute ago", "2026-11-25T12:29:15.500Z"],
    ["3 days ago", "2026-11-22T12:30:15.500Z"],
    ["-1d", "2026-11-24T12:30:15.500Z"],
    ["-2w", "2026-11-11T12:30:15.500Z"],
    ["1 WEEK AGO", "2026-11-18T12:30:15.500Z"],
    ["0 s ago", "2026-11-25T12:30:15.500Z"],
  ])("%j in Berlin is %s", (text, time) => {
    expect(read(text, "Europe/Berlin")).toBe(time);
  });

  it.each([
    ["2026-11-31", "There is no such day: 2026-11 has the days 01 to 30."],
    ["2026-02-30", "There is no such day: 2026-02 has the days 01 to 28."],
    ["2026-02-30T10:00Z", "There is no such day: 2026-02 has the days 01 to 28."],
    ["2027-02-29", "There is no such day: 2027-02 has the days 01 to 28."],
    ["2026-11-00", "There is no such day: 2026-11 has the days 01 to 30."],
    ["2026-13-01", "A year has the months 01 to 12."],
    ["2026-00-01", "A year has the months 01 to 12."],
    ["2026-11-25 25:00", "A day has the times 00:00 to 23:59:59; 24:00 is its end."],
    ["2026-11-25 24:01", "A day has the times 00:00 to 23:59:59; 24:00 is its end."],
    ["2026-11-25 12:60", "A day has the times 00:00 to 23:59:59; 24:00 is its end."],
    ["2026-11-25 12:00:60", "A day has the times 00:00 to 23:59:59; 24:00 is its end."],
    ["today 25:00", "A day has the times 00:00 to 23:59:59; 24:00 is its end."],
    ["2026-11-25 9:05", "A time of day is HH:MM, HH:MM:SS or HH:MM:SS.mmm, such as 09:05."],
    ["2026-11-25 12:00 +2400", "A zone is Z, or from -23:59 to +23:59."],
    ["-2m", 'There is no unit "m": give s, min, h, days or weeks.'],
    ["2 months ago", 'There is no unit "months": give s, min, h, days or weeks.'],
    ["99999999 weeks ago", "Times go from the year 0000 to 9999."],
    ["-99999999999999999999h", "Times go from the year 0000 to 9999."],
    ["0000-01-01T00:00+00:01", "Times go from the year 0000 to 9999."],
    ["9999-12-31T23:59-00:01", "Times go from the year 0000 to 9999."],
  ])("%j is none, which the hint explains", (text, hint) => {
    expect(read(text)).toBe(hint);
  });

  it.each([
    ...["", " ", "soon", "-h", "2h", "+2h", "-2", "-2h ago", "--2h", "-1.5h", "ago", "days ago", "tomorrow", "today Z"],
    ...["todayT14:00", "today 14:00Z", "yesterday 2026-11-25", "20261125T1403", "2026-11", "2026-11-25-11", "14:03"],
    ...["2026-11-25T14:03 CET", "2026-11-25  14:03", "12026-11-25", "-2026-11-25", "now ago", "2026-11-25Tnoon"],
  ])("%j is none, and does not look like one", (text) => {
    expect(read(text)).toBe("no time");
  });

  it("that is given to the second means with `whole` the end of that second", () => {
    const whole = (text: string) => read(text, "UTC", noon, true);
    expect(whole("2026-11-25 14:03:09")).toBe("2026-11-25T14:03:09.999Z");
    expect(whole("2026-11-25 14:03:09 +0100")).toBe("2026-11-25T13:03:09.999Z");
    expect(whole("yesterday 14:03:09")).toBe("2026-11-24T14:03:09.999Z");
    expect(whole("2026-11-25 14:03:09.5")).toBe("2026-11-25T14:03:09.500Z");
    expect(whole("2026-11-25 14:03")).toBe("2026-11-25T14:03:00.000Z");
    expect(whole("-2h")).toBe("2026-11-25T10:30:15.500Z");
  });
});

describe("where the clocks are moved", () => {
  it.each([
    ["2026-03-29 02:30", "Europe/Berlin", "2026-03-29 02:00 to 2026-03-29 03:00", "2026-03-29 03:00:00 +0200"],
    ["2026-03-29T02:00", "Europe/Berlin", "2026-03-29 02:00 to 2026-03-29 03:00", "2026-03-29 03:00:00 +0200"],
    ["2026-10-04 02:15", "Australia/Lord_Howe", "2026-10-04 02:00 to 2026-10-04 02:30", "2026-10-04 02:30:00 +1100"],
    ["2026-09-06 00:30", "America/Santiago", "2026-09-06 00:00 to 2026-09-06 01:00", "2026-09-06 01:00:00 -0300"],
    ["2011-12-30 12:00", "Pacific/Apia", "2011-12-30 00:00 to 2011-12-31 00:00", "2011-12-31 00:00:00 +1400"],
  ])("%j in %s is an hour that does not exist", (text, zone, gap, instead) => {
    expect(read(text, zone)).toBe(
      `There is no such time here: the clocks go from ${gap}. ` +
        `Give another, or one with a zone, such as '${instead}'.`,
    );
  });

  it.each([
    ["2026-03-29 01:59:59.999", "Europe/Berlin", "2026-03-29T00:59:59.999Z"],
    ["2026-03-29 03:00", "Europe/Berlin", "2026-03-29T01:00:00.000Z"],
    ["2026-03-29 02:30 +0100", "Europe/Berlin", "2026-03-29T01:30:00.000Z"],
    ["2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00.000Z TIME_TWICE"],
    ["2026-10-25 02:00", "Europe/Berlin", "2026-10-25T00:00:00.000Z TIME_TWICE"],
    ["2026-10-25 03:00", "Europe/Berlin", "2026-10-25T02:00:00.000Z"],
    ["2026-10-25 02:30 +0100", "Europe/Berlin", "2026-10-25T01:30:00.000Z"],
    ["2026-11-01 00:30", "America/Havana", "2026-11-01T04:30:00.000Z TIME_TWICE"],
    ["2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00.000Z TIME_TWICE"],
  ])("%j in %s is %s", (text, zone, time) => {
    expect(read(text, zone)).toBe(time);
  });

  it("says which of two is taken, and how to have the other", () => {
    const clock = clockIn("Europe/Berlin");
    expect(readTime("2026-10-25 02:30", { now: 0, clock })).toEqual({
      instant: Date.parse("2026-10-25T00:30Z"),
      notice: {
        code: "TIME_TWICE",
        message: "The clocks here show 2026-10-25 02:30 twice; the first is taken: 2026-10-25 02:30:00 +0200.",
        hint: "The other is '2026-10-25 02:30:00 +0100'.",
      },
    });
  });

  it.each([
    ["2026-09-06", "America/Santiago", "2026-09-06T04:00:00.000Z", "its midnight is skipped"],
    ["2026-11-01", "America/Havana", "2026-11-01T04:00:00.000Z", "its midnight comes twice"],
    ["2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00.000Z", "the day before was skipped"],
    ["2011-12-30", "Pacific/Apia", "The clocks here skip this whole day. Give the one before or after it.", "skipped"],
  ])("the day %s in %s begins at %s: %s", (text, zone, time) => {
    expect(read(text, zone)).toBe(time);
  });

  it.each([
    ["yesterday", "2026-03-30T10:00:00.000Z", "2026-03-28T23:00:00.000Z", "the day has 23 hours"],
    ["today", "2026-03-29T10:00:00.000Z", "2026-03-28T23:00:00.000Z", "it began before"],
    ["yesterday", "2026-10-26T10:00:00.000Z", "2026-10-24T22:00:00.000Z", "the day has 25 hours"],
    ["yesterday", "2026-10-25T22:59:59.999Z", "2026-10-23T22:00:00.000Z", "the last instant of the day"],
    ["-1d", "2026-03-29T10:00:00.000Z", "2026-03-28T11:00:00.000Z", "the same hour, 23 hours ago"],
    ["1 week ago", "2026-10-26T11:00:00.000Z", "2026-10-19T10:00:00.000Z", "the same hour"],
    ["-24h", "2026-03-29T10:00:00.000Z", "2026-03-28T10:00:00.000Z", "hours are hours"],
    ["-1d", "2026-03-30T00:30:00.000Z", "2026-03-29T01:00:00.000Z TIME_SKIPPED", "the hour was skipped"],
    ["-1d", "2026-10-26T01:30:00.000Z", "2026-10-25T00:30:00.000Z TIME_TWICE", "the hour came twice"],
    ["yesterday 02:30", "2026-03-30T10:00:00.000Z", expect.stringMatching(/^There is no such time here/), "typed"],
  ])("%j in Berlin at %s is %s: %s", (text, now, time) => {
    expect(read(text, "Europe/Berlin", now)).toEqual(time);
  });
});

describe("a moment", () => {
  const here = { now: Date.parse(noon), clock: clockIn("UTC") };
  const refusal = (text: string) => {
    try {
      return momentFrom(text, "--at", here);
    } catch (error) {
      if (isSnapledgerError(error, "USAGE")) return error.message;
      throw error;
    }
  };

  it("is a position, or a time", () => {
    expect(momentFrom("42", "--at", here)).toEqual({ position: 42 });
    expect(momentFrom("2026", "--at", here)).toEqual({ position: 2026 });
    expect(momentFrom("now", "--at", here)).toEqual({ time: noon });
    expect(refusal("0")).toBe('--at takes a whole number from 1, not "0".');
    expect(refusal("2026-11-31")).toBe('--at takes a position or a time, not "2026-11-31".');
  });
});

const instants = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) });
/** Half of them within three hours of a change of Berlin's or St John's clocks. */
const nearChanges = fc
  .tuple(fc.constantFrom("2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T05:30Z", "2026-11-01T04:30Z"), fc.nat())
  .map(([change, ms]) => Date.parse(change) - 10_800_000 + (ms % 21_600_000));

describe("every instant, in every zone", () => {
  it.each(zones)("is shown in %s as a time that can be given back", (zone) => {
    const clock = clockIn(zone);
    fc.assert(
      fc.property(fc.oneof(instants, nearChanges), (instant) => {
        const shown = clockText(instant, clock);
        const second = instant - (((instant % 1000) + 1000) % 1000);
        expect(readTime(shown, { now: 0, clock })).toEqual({ instant: second });
        expect(readTime(shown, { now: 0, clock }, { whole: true })).toEqual({ instant: second + 999 });
        expect(readTime(new Date(instant).toISOString(), { now: 0, clock })).toEqual({ instant });
      }),
      { numRuns: 300 },
    );
  });

  it.each(zones)("is among those at which the clocks in %s show what they show then", (zone) => {
    const clock = clockIn(zone);
    fc.assert(
      fc.property(fc.oneof(instants, nearChanges), (instant) => {
        const shown = clock(instant);
        const found = instantsOf(shown, clock);
        expect(found).toContain(instant);
        expect(found.map((one) => clock(one))).toEqual(found.map(() => shown));
        expect(firstInstant(shown, clock)).toBe(found[0]);
      }),
      { numRuns: 300 },
    );
  });
});

describe("this machine's clocks", () => {
  const before = process.env["TZ"];
  afterEach(() => {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  });

  it.each(zones)("are those of TZ: %s", (zone) => {
    process.env["TZ"] = zone;
    const clock = clockIn(zone);
    fc.assert(
      fc.property(fc.oneof(instants, nearChanges), (instant) => {
        expect(machineClock(instant)).toBe(clock(instant));
      }),
      { numRuns: 300 },
    );
  });
});
