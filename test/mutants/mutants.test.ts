import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../simulation/run/bundle.ts";
import { mutants, switchOff } from "./mutants.ts";

/** What would keep a mutant from being noticed, found without running it. */

test("each rule is named once", () => {
  const rules = mutants.map(({ rule }) => rule);
  expect(new Set(rules).size).toBe(rules.length);
});

test.each(mutants)("what is switched off stands exactly once in its file: $rule", ({ off }) => {
  for (const [file] of off) switchOff(file, readFileSync(join(root, file), "utf8"), off);
});

test("somebody notices each, and the test file is there", () => {
  expect(mutants.filter(({ noticedBy }) => noticedBy.length === 0)).toEqual([]);
  const files = mutants.flatMap(({ noticedBy }) => noticedBy.flatMap((by) => (by === "simulation" ? [] : [by[0]])));
  expect([...new Set(files)].filter((file) => !existsSync(join(root, file)))).toEqual([]);
});
