import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isRed, judge, median, noiseOf, type Bound, type Bounds } from "../../bench/judge.ts";
import { subjects } from "../../bench/subjects.ts";

const bounds = JSON.parse(readFileSync(new URL("../../bench/bounds.json", import.meta.url), "utf8")) as Bounds;

describe("the bounds", () => {
  test("name exactly the rows that the subjects give, each once", () => {
    const ids = subjects.flatMap(({ rows }) => rows);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(bounds).sort()).toEqual(ids.toSorted());
  });

  test("say why, and hold nothing that the judge would not read", () => {
    for (const [id, bound] of Object.entries(bounds)) {
      expect(bound.why, id).toMatch(/\.$/);
      for (const key of Object.keys(bound)) expect(["min", "max", "why"], id).toContain(key);
    }
  });
});

/** Rounds whose ratios are these, against a control that is always 10. */
function verdict(ratios: readonly number[], bound: Omit<Bound, "why">): string {
  const rounds = { ours: ratios.map((ratio) => ratio * 10), controls: ratios.map(() => 10) };
  const finding = { what: "it", control: "that", unit: "ms", ...rounds } as const;
  return judge("subject", "id", finding, { ...bound, why: "So." }).verdict;
}

describe("the judge", () => {
  const steady = [1.0, 1.01, 0.99, 1.0, 1.0, 1.01, 0.99];
  const unsteady = [0.4, 1.7, 1.0, 0.6, 1.4, 1.0, 1.2];

  test("keeps to the bound, on either side", () => {
    expect(verdict(steady, { min: 0.9 })).toBe("met");
    expect(verdict(steady, { max: 1.1 })).toBe("met");
    expect(verdict(steady, { min: 1.1 })).toBe("MISSED");
    expect(verdict(steady, { max: 0.9 })).toBe("MISSED");
  });

  test("forgives a miss no larger than the noise that was measured, and no other", () => {
    expect(noiseOf(steady)).toBeLessThan(0.05);
    expect(noiseOf(unsteady)).toBeGreaterThan(0.2);
    expect(verdict(unsteady, { max: 0.9 })).toBe("within noise");
    expect(verdict(unsteady, { max: 0.3 })).toBe("MISSED");
  });

  test("is not moved by one disturbed round", () => {
    expect(verdict([...steady.slice(1), 40], { max: 1.1 })).toBe("met");
  });

  test("compares round by round: a machine that slows down meanwhile changes nothing", () => {
    const controls = [10, 20, 40, 80, 160];
    const finding = { what: "it", control: "that", unit: "ms", ours: controls.map((ms) => ms * 2), controls } as const;
    const { ratio, noise } = judge("subject", "id", finding, { max: 1, why: "So." });
    expect([ratio, noise]).toEqual([2, 0]);
  });

  test("tells times as so many times as fast where that is what a bound is of", () => {
    const finding = { what: "it", control: "that", unit: "ms", inverse: true, ours: [2], controls: [100] } as const;
    expect(judge("subject", "id", finding, { min: 20, why: "So." })).toMatchObject({ ratio: 50, verdict: "met" });
  });

  test("takes what was not measured for red where it has a bound", () => {
    const finding = { what: "it", missing: "no peer" };
    expect(judge("subject", "id", finding, { min: 1, why: "So." }).verdict).toBe("not measured");
    expect(judge("subject", "id", finding, { why: "Told." }).verdict).toBe("told");
  });

  test("fails a run for what is missed or not measured, and for nothing else", () => {
    const verdicts = ["met", "within noise", "MISSED", "not measured", "told"] as const;
    expect(verdicts.filter(isRed)).toEqual(["MISSED", "not measured"]);
  });

  test("refuses rounds that measured only one of both", () => {
    const finding = { what: "it", control: "that", unit: "ms", ours: [1, 2], controls: [1] } as const;
    expect(() => judge("subject", "id", finding, { why: "So." })).toThrow("both");
  });
});

test("a median of an even number of rounds lies between the middle two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
});
