import { describe, expect, test } from "vitest";
import { namedSnapshot } from "../../src/projections/views/views.ts";
import {
  compacted,
  created,
  createdWritten,
  deactivated,
  discard,
  discardChanges,
  discarded,
  domainDefined,
  force,
  given,
  merged,
  running,
  startedFrom,
  stopped,
  written,
} from "./given.ts";
import { block, sizes } from "./scenario.ts";

const autosave = "autosave-20260324T131646Z";

describe("discarding a leaf", () => {
  test("takes it and its file, and leaves heads elsewhere alone", () => {
    const then = given(domainDefined(), created("a"), createdWritten("b"), startedFrom("a"), written())
      .when(discard("b"))
      .shows({ destroyed: ["b"] })
      .does("SnapshotDiscarded", { snapshot: { name: "b" }, discarded: [{ name: "b" }], moved: null })
      .leaves("a*");
    const { steps, removes, sets } = then.accepted.plan;
    expect(steps).toEqual([]);
    expect(removes).toHaveLength(1);
    expect(sets.destroyed).toMatchObject([{ bytes: sizes.overlay + block }]);
  });

  test("takes its memory along", () => {
    const then = given(domainDefined(), created("a"), running(), created("b"), stopped(), startedFrom("a"))
      .when(discard("b"))
      .and((state) => expect(state.looseMemories).toHaveLength(1));
    expect(then.accepted.plan.removes).toHaveLength(2);
    expect(then.accepted.plan.sets.destroyed).toMatchObject([{ bytes: sizes.overlay + sizes.memory }]);
  });

  test("takes along what only waited to be folded into from it", () => {
    const story = [domainDefined(), created("a"), created("b"), created("c"), merged("c"), startedFrom("a")];
    expect(given(...story).when(discard("b")).accepted.plan.removes).toHaveLength(2);
    expect(given(...story, compacted()).when(discard("b")).accepted.plan.removes).toHaveLength(1);
  });

  test("leaves siblings and what is above them alone", () => {
    given(domainDefined(), created("a"), created("b"), startedFrom("a"), created("c"), startedFrom("b"))
      .when(discard("c"))
      .leaves("a(b*)");
  });

  test("is refused for a name that is not there", () => {
    given(domainDefined(), created("a"))
      .when(discard("b", force))
      .refuses("SNAPSHOT_NOT_FOUND", { domain: "vm", snapshot: "b" }, /snapshot-list vm/);
  });
});

describe("clean heads on what goes", () => {
  test("move to its parent, without force", () => {
    const then = given(domainDefined(["vda", "vdb"]), createdWritten("a"), created("b"))
      .when(discard("b"))
      .shows({ reparented: ["clean heads"], destroyed: ["b"] })
      .does("SnapshotDiscarded", { moved: { current: { name: "a" } } })
      .leaves("a*");
    expect(then.accepted.plan.steps).toHaveLength(2);
    expect(then.accepted.plan.removes, "the heads, and the layers").toHaveLength(4);
  });

  test("move to the base from a root: current is none", () => {
    given(domainDefined(), created("a"))
      .when(discard("a"))
      .does("SnapshotDiscarded", { moved: { current: null } })
      .leaves("*");
  });

  test("pass over ancestors that are inactive, whose marks stay", () => {
    given(domainDefined(), created("a"), created("b"), created("c"), deactivated("b"), startedFrom("c"))
      .when(discard("c"))
      .does("SnapshotDiscarded", { moved: { current: { name: "a" } } })
      .leaves("a*(~b)");
    given(domainDefined(), created("a"), created("b"), deactivated("a"), startedFrom("b"))
      .when(discard("b"))
      .does("SnapshotDiscarded", { moved: { current: null } })
      .leaves("* ~a");
  });

  test("move to an ancestor of what is discarded, not of what they stand on", () => {
    given(domainDefined(), created("a"), created("b"), created("c"))
      .when(discard("b", force))
      .shows({ orphaned: ["c"], reparented: ["clean heads"], destroyed: ["b"] })
      .leaves("a*");
  });
});

describe("dirty heads on what goes", () => {
  const dirty = [domainDefined(["vda", "vdb"]), created("a"), created("b"), written("vdb")] as const;

  test("forbid it, and --discard-changes alone passes", () => {
    const { message } = given(...dirty)
      .when(discard("b"))
      .refuses(
        "DISCARD_WOULD_ORPHAN",
        { snapshot: "b", orphaned: [], automatic: [], dirtyHeads: true },
        /^Pass --discard-changes to drop them \(--mergedelete .*--discard-force\) does too\)\. Nothing was changed\.$/,
      );
    expect(message).toBe('Discarding "b" would destroy unsaved changes in the heads.');
  });

  test.each([discardChanges, force])("are dropped by %o, listed with their bytes, and never autosaved", (flag) => {
    const then = given(...dirty)
      .when(discard("b", flag))
      .shows({ orphaned: ["dirty heads"], destroyed: ["b"] })
      .does("SnapshotDiscarded", { moved: { current: { name: "a" } } })
      .leaves("a*");
    expect(then.accepted.plan.sets.orphaned).toMatchObject([{ on: { name: "b" }, bytes: 2 * sizes.overlay + block }]);
  });

  test("forbid it also when their chain only runs through it", () => {
    given(...dirty, created("c"), written())
      .when(discard("b"))
      .refuses("DISCARD_WOULD_ORPHAN", { orphaned: ["c"], dirtyHeads: true }, /^Pass --mergedelete .* to discard that/);
  });

  test("elsewhere stay where they are, and no flag drops them", () => {
    given(domainDefined(), created("a"), created("b"), startedFrom("a"), written())
      .when(discard("b", discardChanges))
      .shows({ destroyed: ["b"] })
      .does("SnapshotDiscarded", { moved: null });
  });
});

describe("snapshots below", () => {
  const tree = [domainDefined(), created("a"), created("b"), created("c"), startedFrom("b"), created("d")] as const;

  test("forbid it, all of them named", () => {
    const { message } = given(...tree)
      .when(discard("a"))
      .refuses(
        "DISCARD_WOULD_ORPHAN",
        { snapshot: "a", orphaned: ["b", "c", "d"], automatic: [], dirtyHeads: false },
        /^Pass --mergedelete \(the RFC's name; also --discard-force\) to discard that too\. Nothing was changed\.$/,
      );
    expect(message).toBe('Discarding "a" would destroy "b", "c", "d".');
  });

  test("forbid it when they are inactive or automatic, these named apart", () => {
    const { message } = given(
      domainDefined(),
      created("a"),
      created("b"),
      written(),
      startedFrom("a"),
      deactivated("b"),
    )
      .when(discard("b"))
      .refuses("DISCARD_WOULD_ORPHAN", { orphaned: [], automatic: [autosave] }, /--mergedelete/);
    expect(message).toBe(`Discarding "b" would destroy the automatic "${autosave}".`);
    given(...tree, deactivated("b"), discarded("c"), discarded("d"))
      .when(discard("a"))
      .refuses("DISCARD_WOULD_ORPHAN", { orphaned: ["b"] }, /--mergedelete/);
  });

  test("are not given up by --discard-changes, which speaks of heads alone", () => {
    given(...tree, written())
      .when(discard("b", discardChanges))
      .refuses("DISCARD_WOULD_ORPHAN", { orphaned: ["c", "d"], dirtyHeads: false }, /--mergedelete/);
  });

  test("go with it by DISCARD_FORCE, and their files", () => {
    const then = given(...tree, written())
      .when(discard("b", force))
      .shows({ orphaned: ["c", "d", "dirty heads"], destroyed: ["b"] })
      .does("SnapshotDiscarded", { discarded: [{ name: "b" }, { name: "c" }, { name: "d" }] })
      .leaves("a*");
    expect(then.accepted.plan.removes, "a head and three layers").toHaveLength(4);
  });

  test("are not found beside it", () => {
    given(...tree, startedFrom("a"), created("e"), created("f"))
      .when(discard("b", force))
      .shows({ orphaned: ["c", "d"], destroyed: ["b"] })
      .leaves("a(e(f*))");
  });
});

describe("a running guest", () => {
  const story = [domainDefined(), created("a"), created("b")] as const;

  test.each([
    ["on it", [], "running"],
    ["below it", [created("c")], "running"],
    ["on it, paused,", [], "paused"],
  ])("%s forbids it: its heads would have to move", (_, steps, guest) => {
    given(...story, ...steps, running(guest === "paused"))
      .when(discard("b", force))
      .refuses("DOMAIN_RUNNING", { domain: "vm", guest }, /destroy vm/);
  });

  test("elsewhere goes on", () => {
    given(...story, startedFrom("a"), running(), written())
      .when(discard("b"))
      .does("SnapshotDiscarded", { moved: null })
      .leaves("a*");
  });

  test("does not hide what would be orphaned", () => {
    given(...story, running(), written())
      .when(discard("a"))
      .refuses("DISCARD_WOULD_ORPHAN", { orphaned: ["b"] });
  });
});

test("a name that was discarded is free again, and stands for another id", () => {
  const ids: string[] = [];
  given(domainDefined(), created("a"), created("b"), (world) => ids.push(namedSnapshot(world.state, "b").id))
    .when(discard("b"))
    .and((state) => expect(state.byName.has("b")).toBe(false));
  given(domainDefined(), created("a"), created("b"), discarded("b"), created("b"), (world) => {
    ids.push(namedSnapshot(world.state, "b").id);
  })
    .when(discard("b"))
    .leaves("a*");
  expect(new Set(ids).size).toBe(2);
});
