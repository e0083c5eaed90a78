import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import type { EventRecord } from "../../../../src/events/events.ts";
import { Operations } from "../../../../src/projections/history/operations.ts";
import { SnapshotHistory } from "../../../../src/projections/history/snapshot-history.ts";
import { parseRecord } from "../../../../src/events/seal.ts";
import { history, storedHistory } from "../../../support/histories.ts";

describe("records grouped by operation", () => {
  test.prop([history, fc.boolean()])(
    "are all there, each group of one domain and one operation",
    (records, backwards) => {
      const operations = new Operations();
      const read = backwards ? records.toReversed() : records;
      const groups = [...read.flatMap((record) => operations.push(record)), ...operations.end()];
      expect(
        groups
          .flat()
          .map(({ position }) => position)
          .sort((a, b) => a - b),
      ).toEqual(records.map((_, i) => i + 1));
      for (const group of groups) {
        expect(new Set(group.map(({ domain, operation }) => `${domain ?? ""} ${operation ?? ""}`)).size).toBe(1);
        if (group[0]?.operation === null) expect(group).toHaveLength(1);
      }
      const firsts = groups.map(([first]) => first!.position);
      expect(firsts).toEqual([...firsts].sort((a, b) => (backwards ? b - a : a - b)));
    },
  );

  test.prop([history])("wait for their outcome when they are watched", (records) => {
    const operations = new Operations();
    const said = records.flatMap((record) => [...operations.push(record), ...operations.decided()]);
    const rest = operations.end();
    expect([...said, ...rest].flat()).toHaveLength(records.length);
  });
});

describe("an operation that goes on", () => {
  const record = (position: number, domain: string, type: EventRecord["type"]) =>
    ({ position, domain, type, operation: `${domain}-operation` }) as EventRecord;

  it("read backwards, is told as soon as its first record is there, whatever its domain did before", () => {
    const operations = new Operations();
    const read = [record(4, "web", "SnapshotCreated"), record(3, "web", "OperationStarted")];
    expect(read.flatMap((one) => operations.push(one)).flat()).toEqual(read);
  });

  it("is told once that it began, holds up no other domain's, and is told when it is decided", () => {
    const operations = new Operations();
    const watch = (...records: readonly EventRecord[]) => {
      for (const one of records) operations.push(one);
      return [operations.decided(), operations.begun()].map((list) => list.flat().map(({ position }) => position));
    };
    expect(watch(record(1, "web", "OperationStarted"))).toEqual([[], [1]]);
    expect(watch(record(2, "db", "OperationStarted"), record(3, "db", "SnapshotCreated"))).toEqual([[2, 3], []]);
    expect(watch(record(4, "db", "LayersRemoved"))).toEqual([[4], []]);
    expect(watch(record(5, "web", "SnapshotMerged"))).toEqual([[1, 5], []]);
    expect(operations.end()).toEqual([]);
  });
});

describe("a name's lives", () => {
  test.prop([storedHistory, fc.nat({ max: 100 })])(
    "never overlap, and begin and end where the name came and went",
    (lines, pick) => {
      const stored = lines.map((line) => ({ line, record: parseRecord(line) }));
      for (const domain of new Set(stored.flatMap(({ record }) => record.domain ?? []))) {
        const lives = new SnapshotHistory(`s${pick}`);
        for (const one of stored) if (one.record.domain === domain) lives.push(one);
        for (const [i, { from, to }] of lives.lives.entries()) {
          expect(to ?? Infinity).toBeGreaterThan(from);
          const next = lives.lives[i + 1];
          if (next) expect(to).toBeLessThan(next.from);
        }
      }
    },
  );
});
