import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { RulesTrial } from "../../../../src/commands/what-if/rules.ts";
import { WhatIf } from "../../../../src/commands/what-if/what-if.ts";
import type { Supposition } from "../../../../src/commands/what-if/what-if.ts";
import type { EventRecord } from "../../../../src/events/events.ts";
import { compare } from "../../../../src/projections/replay/compare.ts";
import { pendingFolds } from "../../../../src/projections/layers.ts";
import type { DomainState } from "../../../../src/projections/state.ts";
import { deactivation, snapshotting, starting } from "../../../support/commands.ts";
import { Historian, history } from "../../../support/histories.ts";

function suppose(records: readonly EventRecord[], supposed: Supposition): WhatIf {
  const leftOut = records.flatMap(({ position, operation }) =>
    supposed.skip?.includes(position) ? (operation ?? []) : [],
  );
  const trial = new WhatIf(supposed, new Set(leftOut));
  for (const record of records) trial.push(record);
  return trial;
}

const names = (state: DomainState) => [...state.byName.keys()].sort();

describe("supposing nothing", () => {
  test.prop([history])("leaves every decision and every state as it is", (records) => {
    const { flips, domains } = suppose(records, {});
    expect(flips).toEqual([]);
    for (const { actual, other } of domains.values()) {
      // What was removed is removed as a whole in both.
      const [left, right] = [actual, other].map(withoutPlace);
      expect(compare(left, right)).toEqual([]);
    }
  });
});

describe("supposing anything", () => {
  test.prop([
    history,
    fc.array(fc.nat({ max: 99 }), { maxLength: 4 }),
    fc.array(fc.nat({ max: 99 }), { maxLength: 4 }),
  ])("ends in states that hold together", (records, skip, force) => {
    const at = (picks: number[]) => picks.map((pick) => 1 + Math.floor((pick / 100) * records.length));
    for (const { other } of suppose(records, { skip: at(skip), force: at(force) }).domains.values()) {
      if (other.defined) expect(() => pendingFolds(other)).not.toThrow();
      for (const { parent } of other.snapshots.values())
        if (parent !== null) expect(other.snapshots.has(parent)).toBe(true);
    }
  });
});

/** root <- a, b; b's merge into root is refused because of a; then a is discarded, and b merged. */
function story() {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  const vm = historian.state(id).name;
  const positions: Record<string, number> = {};
  const run = (name: string, ...args: Parameters<Historian["run"]>) => {
    historian.run(...args);
    positions[name] = historian.records.findLast(
      ({ type }) => type === "OperationStarted" || type === "CommandRejected",
    )!.position;
  };
  run("create root", id, snapshotting(vm, "root"));
  run("create a", id, snapshotting(vm, "a"));
  run("back", id, starting(vm, "root"));
  run("create b", id, snapshotting(vm, "b"));
  run("refused", id, deactivation("MergeSnapshot", vm, "b"));
  run("discard a", id, deactivation("DiscardSnapshot", vm, "a"));
  run("merge b", id, deactivation("MergeSnapshot", vm, "b"));
  return { records: historian.records, id, vm, positions };
}

describe("what if", () => {
  const { records, id, vm, positions } = story();
  const at = (name: string) => positions[name]!;

  test("an operation had not been: what stood in the way is gone, and a later command has nothing to do", () => {
    const { flips, domains } = suppose(records, { skip: [at("create a") + 1] });
    expect(flips).toMatchObject([
      { position: at("refused"), was: { code: "MERGE_WOULD_ORPHAN" }, now: { accepted: true } },
      { position: at("discard a"), was: { accepted: true }, now: { code: "SNAPSHOT_NOT_FOUND" } },
      { position: at("merge b"), was: { accepted: true }, now: { code: "SNAPSHOT_NOT_FOUND" } },
    ]);
    expect(names(domains.get(id)!.other)).toEqual(["root"]);
  });

  test("a discard had not been: the merge after it is refused, and both are still there", () => {
    const { flips, domains } = suppose(records, { skip: [at("discard a")] });
    expect(flips).toMatchObject([
      { position: at("merge b"), was: { accepted: true }, now: { code: "MERGE_WOULD_ORPHAN" } },
    ]);
    expect([names(domains.get(id)!.actual), names(domains.get(id)!.other)]).toEqual([["root"], ["a", "b", "root"]]);
  });

  test("a refused merge had been forced: it takes the other branch with it", () => {
    const { flips, domains } = suppose(records, { force: [at("refused")] });
    expect(flips[0]).toMatchObject({ position: at("refused"), now: { accepted: true }, command: { force: true } });
    expect(names(domains.get(id)!.other)).toEqual(["root"]);
  });

  test("another command had been given: it is decided there, and so is what follows", () => {
    const insert = [{ after: at("create a") + 1, command: snapshotting(vm, "b") }];
    const { flips, domains } = suppose(records, { insert });
    expect(flips[0]).toMatchObject({ was: null, now: { accepted: true }, command: { name: "b" } });
    expect(flips[1]).toMatchObject({
      position: at("create b"),
      was: { accepted: true },
      now: { code: "SNAPSHOT_EXISTS" },
    });
    expect(domains.get(id)!.actual.snapshots.size).toBe(1);
  });

  test("the domain had not been defined: nothing on it can be done", () => {
    const { flips } = suppose(records, { skip: [2] });
    expect(flips.every(({ now }) => !now.accepted && now.code === "DOMAIN_NOT_FOUND")).toBe(true);
    expect(flips).toHaveLength(7);
  });
});

describe("today's rules", () => {
  test.prop([history])("decide every recorded command as it was decided", (records) => {
    const trial = new RulesTrial();
    for (const record of records) trial.push(record);
    expect(trial.changed).toEqual([]);
    expect(trial.decided).toBeGreaterThan(0);
  });

  test("are told from others: a recorded decision that no rule gives is listed", () => {
    const { records, positions } = story();
    const trial = new RulesTrial();
    for (const record of records) {
      const stricter = record.position === positions["refused"] && record.type === "CommandRejected";
      trial.push(stricter ? { ...record, data: { ...record.data, code: "UNSUPPORTED" } } : record);
    }
    expect(trial.changed).toMatchObject([{ was: { code: "UNSUPPORTED" }, now: { code: "MERGE_WOULD_ORPHAN" } }]);
  });
});

/** Without what only says how far the log was read. */
function withoutPlace(state: DomainState) {
  return { ...state, position: 0, hash: "", revision: 0, operation: null };
}
