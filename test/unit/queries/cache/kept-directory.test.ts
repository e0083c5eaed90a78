import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { memoryEventLog } from "../../../../src/events/memory-log.ts";
import type { Directory } from "../../../../src/projections/directory.ts";
import { compare } from "../../../../src/projections/replay/compare.ts";
import {
  foldedBeforeSaving,
  keptDirectory,
  nothingCached,
  readDirectory,
} from "../../../../src/queries/cache/cached-states.ts";
import { Recent } from "../../../../src/queries/cache/recent.ts";
import { readWhole } from "../../../../src/queries/cache/whole.ts";
import { emptyState } from "../../../../src/projections/state.ts";
import { Historian, storedHistory } from "../../../support/histories.ts";

const logOf = (lines: readonly string[]) => memoryEventLog({ clock: () => 0, newId: () => "", disk: [...lines] });
const anew = (lines: readonly string[]) => readDirectory(logOf(lines), nothingCached);

property.prop([storedHistory, fc.array(fc.nat({ max: 20 }), { maxLength: 8 })], { numRuns: 50 })(
  "a directory that is kept is what folding everything gives, whoever asks at the same time",
  async (lines, steps) => {
    const kept = keptDirectory(nothingCached);
    let end = 1;
    for (const step of [...steps, lines.length]) {
      end = Math.min(lines.length, end + step);
      const log = logOf(lines.slice(0, end));
      const [first, second] = await Promise.all([kept(log), kept(log)]);
      expect(second).toBe(first);
      expect(compare(first, await anew(lines.slice(0, end)))).toEqual([]);
    }
  },
);

const historian = new Historian();
const [web = ""] = historian.domains;
historian.play({ verb: "define", domain: web });
for (let i = 0; i < 40; i++) for (const verb of ["start", "stop"] as const) historian.play({ verb, domain: web });

test("of another history it is read anew", async () => {
  const kept = keptDirectory(nothingCached);
  await kept(logOf(historian.lines));
  const shorter = historian.lines.slice(0, -5);
  expect(compare(await kept(logOf(shorter)), await anew(shorter))).toEqual([]);
});

test("it is saved once it has grown by as much as readers fold themselves", async () => {
  const saved: number[] = [];
  const saveDirectory = ({ position }: Directory) => Promise.resolve(void saved.push(position));
  const kept = keptDirectory({ ...nothingCached, saveDirectory });
  await kept(logOf(historian.lines.slice(0, 2)));
  await kept(logOf(historian.lines.slice(0, 2 + foldedBeforeSaving)));
  expect(saved).toEqual([]);
  await kept(logOf(historian.lines.slice(0, 3 + foldedBeforeSaving)));
  expect(saved).toEqual([3 + foldedBeforeSaving]);
});

test("a state that others appended to meanwhile is whole, and one that lacks what the directory lists is not", async () => {
  const directory = await anew(historian.lines);
  const { revision = 0 } = directory.domains.get(web) ?? {};
  const state = (more: number) => () =>
    Promise.resolve({ ...emptyState(web), revision: revision + more, position: directory.position + more });
  expect((await readWhole(directory, web, state(0))).revision).toBe(revision);
  expect((await readWhole(directory, web, state(2))).revision).toBe(revision + 2);
  await expect(readWhole(directory, web, state(-1))).rejects.toMatchObject({ code: "LOG_DAMAGED" });
});

test("of what was put in last, as much is kept as fits, and the last one whatever its size", () => {
  const recent = new Recent<string>(10);
  for (const key of ["a", "b", "c"]) recent.put(key, key, 4);
  expect([recent.take("a"), recent.take("b"), recent.take("b")]).toEqual([undefined, "b", undefined]);
  recent.put("d", "d", 40);
  expect([recent.take("c"), recent.take("d")]).toEqual([undefined, "d"]);
  recent.put("e", "e", 10);
  recent.put("e", "f", 10);
  expect(recent.take("e")).toBe("f");
});
