import { describe, expect, test } from "vitest";
import {
  compacted,
  create,
  created,
  deactivate,
  discardChanges,
  domainDefined,
  given,
  merge,
  merged,
  startedFrom,
  startFrom,
  written,
} from "../given.ts";
import type { Step } from "../given.ts";

const offline = { offline: true } as const;

function chainOf(length: number): Step[] {
  return Array.from({ length }, (_, i) => created(`s${i + 1}`));
}

/** Side by side on s1, so that only their number counts; without a clean-up after each, which takes time. */
function snapshots(count: number): Step {
  return (world) => {
    world.execute(create("s1", offline));
    for (let i = 2; i <= count; i++) {
      world.execute(startFrom("s1", { start: false }));
      world.execute(create(`s${i}`, offline));
    }
    world.execute(startFrom("s1", { start: false }));
  };
}

describe("a chain of layers", () => {
  test("is not spoken of below 50", () => {
    given(domainDefined(), ...chainOf(48))
      .when(create("next", offline))
      .warns();
  });

  test("is warned of from 50", () => {
    given(domainDefined(), ...chainOf(49))
      .when(create("next", offline))
      .warns("CHAIN_DEEP");
  });

  test("may have 150, and no more: libvirt cannot boot past 200", () => {
    given(domainDefined(), ...chainOf(149))
      .when(create("next", offline))
      .warns("CHAIN_DEEP");
    given(domainDefined(), ...chainOf(150))
      .when(create("next", offline))
      .refuses("CHAIN_TOO_DEEP", { target: "vda", layers: 151, limit: 150 }, /Merge snapshots/);
  });

  test("may be branched anywhere below its end", () => {
    given(domainDefined(), ...chainOf(150), startedFrom("s149"))
      .when(create("next", offline))
      .warns("CHAIN_DEEP");
  });

  test("counts its anonymous layers until they are folded", () => {
    const shortened = [domainDefined(), ...chainOf(150), merged("s150")];
    given(...shortened)
      .when(create("next", offline))
      .refuses("CHAIN_TOO_DEEP", { layers: 151 });
    given(...shortened, compacted())
      .when(create("next", offline))
      .warns("CHAIN_DEEP");
  });

  test("is not lengthened past 150 by an autosave either; --discard-changes passes", () => {
    const full = [domainDefined(), ...chainOf(150), written()];
    given(...full)
      .when(startFrom("s1"))
      .refuses("CHAIN_TOO_DEEP", { layers: 151 }, /--discard-changes/);
    given(...full)
      .when(deactivate("s2"))
      .refuses("CHAIN_TOO_DEEP", { layers: 151 }, /--discard-changes/);
    given(...full)
      .when(startFrom("s1", discardChanges))
      .does("HeadsMoved", { autosave: null });
  });

  test("is warned of when an autosave lengthens it", () => {
    given(domainDefined(), ...chainOf(49), written())
      .when(startFrom("s1"))
      .warns("CHAIN_DEEP");
    given(domainDefined(), ...chainOf(49))
      .when(startFrom("s1"))
      .warns();
  });

  test("is never too deep to be merged", () => {
    const dirty = [domainDefined(), ...chainOf(150), written()];
    given(...dirty)
      .when(merge("s150"))
      .does("SnapshotMerged", { into: { name: "s149" } });
  });
});

describe("a domain's snapshots", () => {
  test("are warned of from 10,000", () => {
    given(domainDefined(), snapshots(9998)).when(create("next", offline)).warns();
    given(domainDefined(), snapshots(9999)).when(create("next", offline)).warns("MANY_SNAPSHOTS");
  });

  test("are 16,384 at the most, an autosave among them: libvirt's clients refuse longer lists", () => {
    const full = given(domainDefined(), snapshots(16_384), written());
    const facts = { snapshots: 16_384, limit: 16_384 };
    full.when(create("next", offline)).refuses("TOO_MANY_SNAPSHOTS", facts, /Merge or discard/);
    full.when(startFrom("s2")).refuses("TOO_MANY_SNAPSHOTS", facts);
    full.when(startFrom("s2", discardChanges)).and(({ snapshots }) => expect(snapshots.size).toBe(16_384));
  });
});
