import { describe, expect, test } from "vitest";
import { layerOf, pendingFolds } from "../../src/projections/layers.ts";
import type { DomainState } from "../../src/projections/state.ts";
import type { Command } from "../../src/events/command.ts";
import type { Step } from "./given.ts";
import {
  all,
  compactedOne,
  create,
  created,
  deactivate,
  discardChanges,
  domainDefined,
  given,
  merged,
  running,
  startFrom,
  written,
} from "./given.ts";
import type { World } from "./scenario.ts";

const offline = { offline: true } as const;

/** s1 <- s2 <- … <- sN, the heads on the last. */
function chainOf(count: number): Step {
  return all(...Array.from({ length: count }, (_, i) => created(`s${i + 1}`)));
}

/**
 * Roots r1 … rN put in place instead of decided one by one, each with a layer of its own on the base: what a rule does
 * with the last of many can be seen in no time.
 */
function rootsOf(count: number): Step {
  return ({ state }: World) => {
    const model = [...state.snapshots.values()][0];
    if (!model) throw new Error("one snapshot has to be there to make the others like");
    const layer = layerOf(state, model.layers["vda"]);
    const roots = state.children.get(null) ?? new Set();
    for (let n = state.snapshots.size; n < count; n++) {
      const [id, name] = [`root ${n}`, `r${n}`];
      state.layers.set(id, { ...layer, id });
      state.snapshots.set(id, { ...model, id, name, layers: { vda: id } });
      state.byName.set(name, id);
      roots.add(id);
    }
  };
}

/** What makes a layer of the heads: a snapshot, or an autosave of what they hold. */
const freezing: readonly (readonly [string, Command])[] = [
  ["a snapshot", create("new", offline)],
  ["an autosave before a start", startFrom("s1")],
  ["an autosave before a deactivation", deactivate("s2")],
];

describe("150 layers in a chain", () => {
  const at = (count: number) => given(domainDefined(), chainOf(count), written());

  test.each(freezing)("may be reached by %s, with a warning", (_, command) => {
    at(149).when(command).warns("CHAIN_DEEP");
  });

  test.each(freezing)("is not passed by %s", (_, command) => {
    const { message } = at(150)
      .when(command)
      .refuses(
        "CHAIN_TOO_DEEP",
        { target: "vda", layers: 151, limit: 150 },
        /^Merge snapshots to shorten the chain, or start from an older one; .* --discard-changes\.$/,
      );
    expect(message).toBe('Disk vda of "vm" would stand on 151 layers; 150 is the most.');
  });

  test("forbids nothing that freezes no head", () => {
    for (const command of [startFrom("s1", discardChanges), deactivate("s150", discardChanges)]) {
      at(150).when(command).warns();
    }
    given(domainDefined(), chainOf(150)).when(startFrom("s149")).warns();
  });

  test("forbids a running domain's snapshot too", () => {
    given(domainDefined(), chainOf(150), running()).when(create("new")).refuses("CHAIN_TOO_DEEP", { layers: 151 });
  });

  test("counts layers that wait to be folded away, on whichever disk has the most", () => {
    const story = [domainDefined(["vda", "vdb"]), chainOf(150), merged("s150")];
    given(...story)
      .when(create("new", offline))
      .refuses("CHAIN_TOO_DEEP", { target: "vda" });
    given(...story, compactedOne("lowest"), (world) => expect(pendingOn(world.state)).toEqual(["vdb"]))
      .when(create("new", offline))
      .refuses("CHAIN_TOO_DEEP", { target: "vdb", layers: 151 });
    given(...story, compactedOne(), compactedOne())
      .when(create("new", offline))
      .warns("CHAIN_DEEP");
  });
});

describe("a warning of a deep chain", () => {
  test.each(freezing)("comes with %s that makes it 50 layers, and not before", (_, command) => {
    given(domainDefined(), chainOf(48), written()).when(command).warns();
    const then = given(domainDefined(), chainOf(49), written()).when(command).warns("CHAIN_DEEP");
    expect(then.accepted.warnings).toEqual([
      {
        code: "CHAIN_DEEP",
        message: 'The heads of "vm" stand on 50 layers; past 150 is refused.',
        hint: "Merge snapshots to shorten the chain.",
      },
    ]);
  });

  test("comes for the disk that has the most", () => {
    const story = [domainDefined(["vda", "vdb"]), chainOf(49), merged("s49"), compactedOne()];
    given(...story)
      .when(create("new", offline))
      .warns("CHAIN_DEEP");
    given(...story, compactedOne())
      .when(create("new", offline))
      .warns();
  });
});

describe("16,384 snapshots", () => {
  const many = (count: number) => given(domainDefined(), created("s1"), created("s2"), rootsOf(count), written());

  test("may be reached, with a warning, and are not passed", () => {
    many(16_383).when(create("new", offline)).warns("MANY_SNAPSHOTS");
    const full = many(16_384);
    for (const [, command] of freezing) {
      const { message } = full
        .when(command)
        .refuses("TOO_MANY_SNAPSHOTS", { snapshots: 16_384, limit: 16_384 }, /^Merge or discard some first\.$/);
      expect(message).toBe('Domain "vm" has 16384 snapshots, the most a domain may have.');
    }
    full.when(startFrom("s1", discardChanges)).warns();
  });

  test("are warned of from 10,000 on", () => {
    const near = many(9_998);
    for (const [, command] of freezing) near.when(command).warns();
    const at = many(9_999);
    for (const [, command] of freezing) at.when(command).warns("MANY_SNAPSHOTS");
    expect(at.when(create("new", offline)).accepted.warnings).toEqual([
      {
        code: "MANY_SNAPSHOTS",
        message: '"vm" has 10000 snapshots; past 16384 is refused.',
        hint: "Merge or discard some.",
      },
    ]);
  });
});

test("a chain and a list that are both long are both warned of", () => {
  given(domainDefined(), chainOf(60), rootsOf(10_000))
    .when(create("new", offline))
    .warns("CHAIN_DEEP", "MANY_SNAPSHOTS");
});

function pendingOn(state: DomainState): string[] {
  return pendingFolds(state).map(({ target }) => target);
}
