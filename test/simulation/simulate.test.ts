import { join } from "node:path";
import { expect, test } from "vitest";
import { freshFolder } from "../support/folders.ts";
import { knownFailpoints } from "./failpoints.ts";
import { bundle } from "./run/bundle.ts";
import { mutants } from "../mutants/mutants.ts";
import { runSeeds } from "./run/runner.ts";

/** A sample of `npm run simulate` and of `npm run simulate:mutants`. */

async function built(off?: (typeof mutants)[number]): Promise<string> {
  const file = join(freshFolder(), "simulation.mjs");
  await bundle(file, off?.off);
  return file;
}

test("150 seeds, some run twice to the same log, leave all invariants standing", async () => {
  const { report, total, passed } = await runSeeds(await built(), { from: 1, to: 151, workers: 2 });

  expect(report, report ? `seed ${report.seed}: ${report.wrong.join("; ")}` : "").toBeNull();
  expect(total.seeds).toBe(150);
  expect(total.crashes).toBeGreaterThan(50);
  expect([...passed.keys()].filter((point) => !knownFailpoints.has(point))).toEqual([]);
});

test("a rule that is switched off is noticed, and its seed is told", async () => {
  const mutant = mutants.find(({ rule }) => rule === "a merge that would orphan is refused");
  const { report } = await runSeeds(await built(mutant), { from: 1, to: 301, workers: 2 });

  expect(report?.wrong[0]).toContain("must be refused: MERGE_WOULD_ORPHAN");
  expect(report?.steps.length).toBeGreaterThan(10);
});
