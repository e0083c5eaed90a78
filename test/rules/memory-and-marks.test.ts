import { describe, expect, test } from "vitest";
import type { DomainState, Snapshot } from "../../src/projections/state.ts";
import {
  created,
  createdWritten,
  deactivated,
  discard,
  domainDefined,
  force,
  given,
  merge,
  running,
  startedFrom,
  stopped,
} from "./given.ts";
import type { Step } from "./given.ts";

/** What a merge does to memory, and what marks of `deactivate` change for a merge or a discard: nothing. */

const snapshotIn = (state: DomainState, name: string): Snapshot => state.snapshots.get(state.byName.get(name) ?? "")!;
const memoryOf = (state: DomainState, name: string) => snapshotIn(state, name).memory?.path ?? null;

/** A running domain's snapshot holds its memory, a stopped one's none. */
const taken = (name: string, withMemory: boolean): readonly Step[] =>
  withMemory ? [running(), created(name), stopped()] : [created(name)];

describe("a merge between snapshots, of which", () => {
  test.each([
    ["both hold memory", true, true],
    ["only the target holds memory", true, false],
    ["only the merged one holds memory", false, true],
    ["none holds memory", false, false],
  ])("%s: the target has the merged one's memory, or none, and never its own", (_, into, from) => {
    let kept: string | null = null;
    let lost: string | null = null;
    const steps = [domainDefined(), ...taken("t", into), ...taken("s", from)];
    const remember: Step = ({ state }) => {
      kept = memoryOf(state, "s");
      lost = memoryOf(state, "t");
    };
    given(...steps, remember)
      .when(merge("s"))
      .shows({
        rewritten: ["t"],
        reparented: ["clean heads"],
        destroyed: ["content of t", ...(into ? ["memory of t"] : [])],
      })
      .and((state) => {
        expect([kept === null, lost === null]).toEqual([!from, !into]);
        expect(memoryOf(state, "t")).toBe(kept);
        expect(snapshotIn(state, "t").state).toBe(from ? "running" : "off");
        expect(state.looseMemories.map(({ path }) => path)).toEqual(lost === null ? [] : [lost]);
      });
  });

  test("the merged one's memory goes with its name when it is merged into the base image", () => {
    let lost: string | null = null;
    given(domainDefined(), ...taken("s", true), ({ state }) => (lost = memoryOf(state, "s")))
      .when(merge("s"))
      .and((state) => expect(state.looseMemories.map(({ path }) => path)).toEqual([lost]));
  });
});

describe("under inactive marks", () => {
  const branched = [domainDefined(), createdWritten("a"), createdWritten("b"), startedFrom("a"), createdWritten("c")];

  test("a merge is refused for an inactive branch as for any other", () => {
    given(...branched, deactivated("b"))
      .when(merge("c"))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["b"] });
  });

  test("an inactive snapshot is merged like any other, and its target keeps its own mark", () => {
    given(domainDefined(), createdWritten("a"), createdWritten("b"), createdWritten("c"), deactivated("b"))
      .when(merge("b"))
      .leaves("a*(c)");
    given(domainDefined(), createdWritten("a"), createdWritten("b"), deactivated("a"), startedFrom("b"))
      .when(merge("b"))
      .leaves("a*");
  });

  test("a merge into an inactive one that the heads are not on leaves it inactive", () => {
    given(
      ...[domainDefined(), createdWritten("a"), createdWritten("b"), createdWritten("c")],
      ...[startedFrom("a"), deactivated("b")],
    )
      .when(merge("c"))
      .leaves("a*(~b)");
  });

  test("a discard is refused for an inactive descendant as for any other, and takes it with force", () => {
    const chain = [domainDefined(), createdWritten("a"), createdWritten("b"), createdWritten("c"), deactivated("c")];
    given(...chain)
      .when(discard("b"))
      .refuses("DISCARD_WOULD_ORPHAN", { orphaned: ["c"] });
    given(...chain)
      .when(discard("b", force))
      .leaves("a*");
  });

  test("heads that a discard moves pass over inactive ancestors", () => {
    given(
      ...[domainDefined(), createdWritten("a"), createdWritten("b"), createdWritten("c")],
      ...[deactivated("b"), startedFrom("c")],
    )
      .when(discard("c"))
      .leaves("a*(~b)");
  });
});
