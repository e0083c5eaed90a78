import { test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { parseRecord } from "../../../src/events/seal.ts";
import { storedHistory, statesOf, Historian } from "../../support/histories.ts";
import { connectionTo } from "../../support/reading-connection.ts";

describe("bisect", () => {
  test.prop([storedHistory], { numRuns: 60 })(
    "finds the event after which what only grows first held",
    async (lines) => {
      const connection = connectionTo(lines);
      const states = statesOf();
      const first = new Map<string, number>();
      for (const record of lines.map((line) => parseRecord(line))) {
        const state = states.apply(record);
        if (state && state.revision >= 5 && !first.has(state.id)) first.set(state.id, record.position);
      }
      for (const [id, position] of first) {
        const found = await connection.bisect(id, "revision >= 5");
        expect(found).toMatchObject({ position, revision: 5 });
        expect(found.folds).toBeLessThanOrEqual(2 + Math.ceil(Math.log2(found.events)));
      }
    },
  );

  const historian = new Historian();
  const [domain = ""] = historian.domains;
  historian.play({ verb: "define", domain });
  for (const pick of [1, 2, 3]) historian.play({ verb: "create", domain, pick });
  historian.play({ verb: "discard", domain, pick: 0, force: true });
  const connection = connectionTo(historian.lines);

  test("finds what does not hold any more, when it is told when it did", async () => {
    await expect(connection.bisect(domain, "snapshots.count == 3")).rejects.toMatchObject({
      code: "POSITION_NOT_FOUND",
    });
    const third = historian.records.filter(({ type }) => type === "SnapshotCreated").at(-1)!;
    const found = await connection.bisect(domain, "snapshots.count == 3", third.position + 1);
    expect(found.position).toBe(third.position);
  });

  test("refuses what asks about events, and domains that never were", async () => {
    const event = connection.bisect(domain, 'defined and event.type == "HeadsMoved"');
    await expect(event).rejects.toMatchObject({ code: "INVALID_CONDITION", facts: { column: 13 } });
    await expect(connection.bisect("nobody", "defined")).rejects.toMatchObject({ code: "DOMAIN_NOT_FOUND" });
  });
});
