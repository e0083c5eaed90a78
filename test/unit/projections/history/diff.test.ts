import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { applyAll } from "../../../../src/projections/domain.ts";
import { diffStates, isSame } from "../../../../src/projections/history/diff.ts";
import { plainState } from "../../../../src/projections/history/patch.ts";
import type { JsonPatch } from "../../../../src/projections/history/patch.ts";
import { emptyState } from "../../../../src/projections/state.ts";
import { history } from "../../../support/histories.ts";

const cut = fc.double({ min: 0, max: 1, noNaN: true });

/** As RFC 6902 says, for objects. */
function patchedBy(document: unknown, patches: readonly JsonPatch[]): unknown {
  const whole = { "": structuredClone(document) };
  for (const patch of patches) {
    const keys = patch.path.split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop() ?? "";
    const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, whole);
    expect(patch.op === "add").toBe(!Object.hasOwn(parent, last));
    if (patch.op === "remove")
      delete parent[last]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
    else parent[last] = structuredClone(patch.value);
  }
  return whole[""];
}

describe("the difference of two states", () => {
  test.prop([history, cut, cut], { numRuns: 100 })(
    "patches the one into the other, and is empty of one and itself",
    (records, a, b) => {
      for (const id of new Set(records.flatMap(({ domain }) => domain ?? []))) {
        const own = records.filter(({ domain }) => domain === id);
        const [from, to] = [a, b].map((at) => applyAll(emptyState(id), own.slice(0, Math.round(at * own.length))));
        const diff = diffStates(from!, to!);
        expect(patchedBy(plainState(from!), diff.patches)).toEqual(plainState(to!));
        expect(diffStates(from!, from!).patches).toEqual([]);
        const names = new Set([...from!.snapshots.keys(), ...diff.added.map((one) => one.id)]);
        for (const { id: gone } of diff.gone) names.delete(gone);
        expect(names).toEqual(new Set(to!.snapshots.keys()));
        const back = diffStates(to!, from!);
        expect([back.added, back.gone]).toEqual([diff.gone, diff.added]);
        expect(isSame(back)).toBe(isSame(diff));
      }
    },
  );
});
