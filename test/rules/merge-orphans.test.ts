import { describe, expect, test } from "vitest";
import { layersOf } from "../../src/projections/layers.ts";
import { namedSnapshot } from "../../src/projections/views/views.ts";
import {
  created,
  createdWritten,
  deactivated,
  discardChanges,
  domainDefined,
  force,
  given,
  merge,
  merged,
  startedFrom,
  written,
} from "./given.ts";
import { block, sizes } from "./scenario.ts";

/** a(b c): two branches on a; the heads are clean, on c. */
const branches = [domainDefined(), created("a"), createdWritten("b"), startedFrom("a"), created("c")] as const;
const autosave = "autosave-20260324T131646Z";

describe("MERGE", () => {
  test("is refused while another branch stands on the target, and names it", () => {
    const { message } = given(...branches)
      .when(merge("b"))
      .refuses(
        "MERGE_WOULD_ORPHAN",
        { snapshot: "b", into: "a", orphaned: ["c"], automatic: [], dirtyHeads: false },
        /^Pass --mergeforce to discard that too\. Nothing was changed\.$/,
      );
    expect(message).toBe('Merging "b" into "a" would destroy "c".');
  });

  test("names all that stands on such a branch", () => {
    given(...branches, created("d"), startedFrom("c"), created("e"))
      .when(merge("b"))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["c", "d", "e"] }, /--mergeforce/);
  });

  test("counts inactive snapshots as branches", () => {
    given(...branches, deactivated("c"), startedFrom("b"))
      .when(merge("b"))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["c"], dirtyHeads: false }, /--mergeforce/);
  });

  test("counts automatic snapshots as branches, and names them apart", () => {
    const { message } = given(...branches, startedFrom("a"), written(), startedFrom("b"))
      .when(merge("b"))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["c"], automatic: [autosave] }, /--mergeforce/);
    expect(message).toBe(`Merging "b" into "a" would destroy "c" and the automatic "${autosave}".`);
  });

  test("counts other roots when it goes into the base", () => {
    const { message } = given(domainDefined(), created("a"), deactivated("a"), created("b"), created("c"))
      .when(merge("a"))
      .refuses("MERGE_WOULD_ORPHAN", { snapshot: "a", into: null, orphaned: ["b", "c"] }, /--mergeforce/);
    expect(message).toBe('Merging "a" into the base image would destroy "b", "c".');
  });
});

describe("heads on the target", () => {
  const onTarget = [domainDefined(["vda", "vdb"]), created("a"), written(), created("b"), startedFrom("a")] as const;

  test("that are clean become fresh heads on what it holds now, without force", () => {
    const then = given(...onTarget)
      .when(merge("b"))
      .shows({ rewritten: ["a"], reparented: ["clean heads"], destroyed: ["content of a"] })
      .does("SnapshotMerged", { moved: { current: { name: "a" } }, current: { name: "a" } })
      .leaves("a*")
      .and((state) => {
        const layers = layersOf(state, namedSnapshot(state, "a"));
        expect(layers.map(({ file }) => file.bytes)).toEqual([sizes.overlay + block, sizes.overlay]);
      });
    const { steps, removes, folds } = then.accepted.plan;
    expect(steps, "on the merged layers, which are the target's by then").toMatchObject(
      folds.map(({ from, target }) => ({ step: "overlay", target, backing: { path: from } })),
    );
    expect(removes, "the heads that were there").toHaveLength(2);
  });

  test("that are dirty forbid it, and --discard-changes alone passes", () => {
    const domain = () => given(...onTarget, written("vdb"));
    const { message } = domain()
      .when(merge("b"))
      .refuses(
        "MERGE_WOULD_ORPHAN",
        { orphaned: [], automatic: [], dirtyHeads: true },
        /^Pass --discard-changes to drop them \(--mergeforce does too\)\. Nothing was changed\.$/,
      );
    expect(message).toBe('Merging "b" into "a" would destroy unsaved changes in the heads.');
    for (const flag of [discardChanges, force]) {
      domain()
        .when(merge("b", flag))
        .shows({ rewritten: ["a"], orphaned: ["dirty heads"], destroyed: ["content of a"] })
        .does("SnapshotMerged", { moved: { current: { name: "a" } } })
        .leaves("a*");
    }
  });

  test("on the base, likewise, when it is the target: current is none", () => {
    const domain = [domainDefined(), created("a"), deactivated("a")];
    const sets = { rewritten: ["base vda"], destroyed: ["base vda"] };
    given(...domain)
      .when(merge("a"))
      .shows({ ...sets, reparented: ["clean heads"] })
      .does("SnapshotMerged", { into: null, moved: { current: null }, current: null })
      .leaves("*");
    given(...domain, written())
      .when(merge("a"))
      .refuses("MERGE_WOULD_ORPHAN", { into: null, dirtyHeads: true }, /--discard-changes/);
    given(...domain, written())
      .when(merge("a", force))
      .shows({ ...sets, orphaned: ["dirty heads"] })
      .leaves("*");
  });
});

describe("heads that need not move", () => {
  test.each([
    ["on the merged snapshot", [written()], ["dirty heads"], "a*"],
    ["below it", [created("c"), written()], ["c"], "a(c*)"],
    ["beside the target", [deactivated("a"), created("x"), written()], [], "~a x*"],
  ])("keep their changes, %s", (_, steps, reparented, tree) => {
    const then = given(domainDefined(), created("a"), created("b"), ...steps)
      .when(merge("b"))
      .shows({ rewritten: ["a"], reparented, destroyed: ["content of a"] })
      .does("SnapshotMerged", { moved: null })
      .leaves(tree);
    expect(then.accepted.plan).toMatchObject({ steps: [], removes: [] });
  });
});

describe("MERGE_FORCE", () => {
  test("discards the other branches, whole, with their files", () => {
    const then = given(...branches, created("d"), startedFrom("b"))
      .when(merge("b", force))
      .shows({
        ...{ rewritten: ["a"], orphaned: ["c", "d"] },
        ...{ reparented: ["clean heads"], destroyed: ["content of a"] },
      })
      .does("SnapshotMerged", { discarded: [{ name: "c" }, { name: "d" }], moved: null })
      .leaves("a*");
    expect(then.accepted.plan.removes).toHaveLength(2);
  });

  test("takes files along that only waited to be folded into from a branch", () => {
    const then = given(...branches, created("d"), merged("d"), startedFrom("b")).when(merge("b", force));
    expect(then.accepted.plan.removes).toHaveLength(2);
  });

  test("takes a branch's memory along", () => {
    const then = given(domainDefined(), created("a"), created("b"), startedFrom("a"), (world) => {
      world.state.guest = "running";
      created("c")(world);
      world.state.guest = "off";
    })
      .when(merge("b", force))
      .and((state) => expect(state.looseMemories).toHaveLength(1));
    expect(then.accepted.plan.removes).toHaveLength(3);
  });

  test("moves heads on such a branch to what the target holds now", () => {
    const then = given(...branches)
      .when(merge("b", force))
      .shows({ rewritten: ["a"], orphaned: ["c"], destroyed: ["content of a"] })
      .does("SnapshotMerged", { moved: { current: { name: "a" } }, current: { name: "a" } })
      .leaves("a*");
    expect(then.accepted.plan.steps).toMatchObject([{ backing: { path: then.accepted.plan.folds[0]?.from } }]);
  });

  test("never keeps unsaved changes as an autosave: they are listed as lost", () => {
    given(...branches, written())
      .when(merge("b", force))
      .shows({ rewritten: ["a"], orphaned: ["c", "dirty heads"], destroyed: ["content of a"] })
      .leaves("a*");
  });

  test("has nothing to force where nothing else stands", () => {
    given(domainDefined(), created("a"), created("b"))
      .when(merge("b", force))
      .shows({ rewritten: ["a"], reparented: ["clean heads"], destroyed: ["content of a"] })
      .leaves("a*");
  });
});

describe("--discard-changes", () => {
  test("drops the heads' changes alone: snapshots need force", () => {
    const domain = given(...branches, written());
    domain
      .when(merge("b"))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["c"], dirtyHeads: true }, /--mergeforce to discard that too/);
    domain
      .when(merge("b", discardChanges))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["c"], dirtyHeads: false }, /--mergeforce to discard that too/);
  });

  test("drops nothing where the heads can stay", () => {
    given(domainDefined(), created("a"), created("b"), written())
      .when(merge("b", discardChanges))
      .shows({ rewritten: ["a"], reparented: ["dirty heads"], destroyed: ["content of a"] })
      .does("SnapshotMerged", { moved: null })
      .leaves("a*");
  });
});
