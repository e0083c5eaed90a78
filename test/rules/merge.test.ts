import { describe, expect, test } from "vitest";
import { layersOf, pendingFolds } from "../../src/projections/layers.ts";
import { namedSnapshot } from "../../src/projections/views/views.ts";
import type { Step } from "./given.ts";
import {
  base,
  created,
  createdWritten,
  deactivated,
  domainDefined,
  force,
  given,
  later,
  merge,
  merged,
  resized,
  running,
  startedFrom,
  stopped,
  written,
} from "./given.ts";
import { block, sizes } from "./scenario.ts";

/** a(b c): two branches on a; the heads are clean, on c. */
const branches = [domainDefined(), createdWritten("a"), createdWritten("b"), startedFrom("a"), created("c")] as const;

describe("merging into the parent", () => {
  const first = { description: "first" };
  const second = { description: "second" };

  test("gives the parent's name the merged snapshot's layers, state and date", () => {
    given(domainDefined(), created("a", first), later(), running(), createdWritten("b", { ...second, diskOnly: true }))
      .when(merge("b"))
      .does("SnapshotMerged", { snapshot: { name: "b" }, into: { name: "a" }, children: [], discarded: [] })
      .leaves("a*")
      .and((state) => {
        const a = namedSnapshot(state, "a");
        expect(a).toMatchObject({
          description: "first",
          state: "disk-snapshot",
          createdAt: "2026-03-24T13:16:47.000Z",
        });
        expect(layersOf(state, a)).toMatchObject([{ file: { bytes: sizes.overlay + block } }]);
      });
  });

  test("keeps the parent's id and place", () => {
    const ids: string[] = [];
    const story = [domainDefined(), created("root"), created("a"), created("b")];
    given(...story)
      .when(merge("root"))
      .and((state) => ids.push(namedSnapshot(state, "a").id));
    given(...story)
      .when(merge("b"))
      .leaves("root(a*)")
      .and((state) => ids.push(namedSnapshot(state, "a").id));
    expect(ids[0]).toBe(ids[1]);
  });

  test("is told with ids and names alone, which is all that an event says of a snapshot that is there", () => {
    const { event } = given(domainDefined(), created("a"), created("b"), created("c")).when(merge("b"));
    if (event.type !== "SnapshotMerged") return expect.unreachable(event.type);
    const { snapshot, into, children, current } = event.data;
    for (const ref of [snapshot, into, ...children, current]) expect(Object.keys(ref ?? {})).toEqual(["id", "name"]);
    expect(children).toEqual([current]);
  });

  test("hangs the merged snapshot's children on the parent", () => {
    const then = given(domainDefined(), created("a"), created("b"), created("c"), startedFrom("b"), created("d"))
      .when(merge("b"))
      .shows({ rewritten: ["a"], reparented: ["c", "d"], destroyed: ["content of a"] })
      .does("SnapshotMerged", { children: [{ name: "c" }, { name: "d" }], moved: null, current: { name: "d" } })
      .leaves("a(c d*)");
    expect(then.accepted.plan).toMatchObject({ steps: [], removes: [] });
  });

  test("leaves alone what hangs beside the parent, or above it", () => {
    given(domainDefined(), created("root"), created("x"), startedFrom("root"), created("a"), created("b"))
      .when(merge("b"))
      .shows({ rewritten: ["a"], reparented: ["clean heads"], destroyed: ["content of a"] })
      .leaves("root(a* x)");
  });

  test("folds the merged layers into the parent's, and may need as much space as they hold", () => {
    const then = given(domainDefined(["vda", "vdb"]), created("a"), written("vda"), created("b")).when(merge("b"));
    const { folds, spaceBytes, steps } = then.accepted.plan;
    expect(steps).toEqual([]);
    expect(spaceBytes).toBe(2 * sizes.overlay + block);
    then.and((state) => {
      const pending = pendingFolds(state).map(({ target, from, into }) => ({
        ...{ target, from: from.file.path, into: into.file.path },
      }));
      expect(pending).toHaveLength(2);
      expect(folds).toEqual(pending);
    });
  });

  test("may be asked again before the first merge is folded", () => {
    given(domainDefined(), created("a"), created("b"), created("c"))
      .when(merge("b"))
      .when(merge("c"))
      .leaves("a*")
      .and((state) => expect(pendingFolds(state)).toHaveLength(2));
  });

  test("is refused for a name that is not there", () => {
    given(domainDefined(), created("a"))
      .when(merge("b", force))
      .refuses("SNAPSHOT_NOT_FOUND", { domain: "vm", snapshot: "b" }, /snapshot-list vm/);
  });
});

describe("the four sets", () => {
  test("are shown and recorded together, each with its bytes", () => {
    const then = given(
      ...[domainDefined(), running(), createdWritten("a"), stopped()],
      ...[createdWritten("b"), createdWritten("c"), startedFrom("a"), created("d"), written()],
    ).when(merge("b", force));
    const heads = { kind: "heads", on: { name: "d" }, dirty: true, bytes: sizes.overlay + block };
    const sets = {
      rewritten: [{ kind: "snapshot", snapshot: { name: "a" }, bytes: sizes.overlay + block + sizes.memory }],
      orphaned: [{ kind: "snapshot", snapshot: { name: "d" }, automatic: false, bytes: sizes.overlay }, heads],
      reparented: [{ kind: "snapshot", snapshot: { name: "c" }, bytes: sizes.overlay + block }],
      destroyed: [
        { kind: "content", snapshot: { name: "a" }, bytes: sizes.overlay + block },
        { kind: "memory", snapshot: { name: "a" }, bytes: sizes.memory },
      ],
    };
    expect(then.accepted.plan.sets).toMatchObject(sets);
    then
      .shows({
        rewritten: ["a"],
        orphaned: ["d", "dirty heads"],
        reparented: ["c"],
        destroyed: ["content of a", "memory of a"],
      })
      .does("SnapshotMerged", { sets, discarded: [{ name: "d" }] })
      .leaves("a*(c)");
  });
});

describe("a memory never meets disks of another instant", () => {
  const memory: Step = created("a");
  const none: Step = created("a", { diskOnly: true });
  const mergedMemory: Step = createdWritten("b");
  const mergedNone: Step = createdWritten("b", { diskOnly: true });

  test.each([
    ["neither has one", none, mergedNone, false, false],
    ["the target alone has one", memory, mergedNone, true, false],
    ["the merged one alone has one", none, mergedMemory, false, true],
    ["both have one", memory, mergedMemory, true, true],
  ])("when %s, the target takes the merged one's, or none, and its own goes", (_, a, b, had, has) => {
    const paths = { target: "", merged: "" };
    const domain = given(domainDefined(), running(), a, b, (world) => {
      paths.target = namedSnapshot(world.state, "a").memory?.path ?? "";
      paths.merged = namedSnapshot(world.state, "b").memory?.path ?? "";
    });
    const then = domain
      .when(merge("b"))
      .shows({
        ...{ rewritten: ["a"], reparented: ["clean heads"] },
        destroyed: ["content of a", ...(had ? ["memory of a"] : [])],
      })
      .and((state) => {
        const { memory: now, state: of } = namedSnapshot(state, "a");
        expect(now?.path ?? "").toBe(paths.merged);
        expect(of).toBe(has ? "running" : "disk-snapshot");
        expect(state.looseMemories.map(({ path }) => path)).toEqual(had ? [paths.target] : []);
      });
    expect(then.accepted.plan.removes).toEqual(had ? [paths.target] : []);
  });

  test("one that is merged into the base goes: an image has no place for it", () => {
    const then = given(domainDefined(), running(), createdWritten("a"))
      .when(merge("a"))
      .shows({ rewritten: ["base vda"], reparented: ["clean heads"], destroyed: ["base vda", "memory of a"] })
      .and((state) => expect(state.looseMemories).toHaveLength(1));
    expect(then.accepted.plan.removes).toHaveLength(1);
  });
});

describe("what is current afterwards", () => {
  test.each([
    ["the target, if the merged one was", [], "a*"],
    ["what it was, below the merged one", [created("c")], "a(c*)"],
    ["what it was, elsewhere in the tree", [deactivated("a"), created("x")], "~a x*"],
    ["none, if the heads are on the base", [deactivated("a")], "* ~a"],
  ])("is %s", (_, then, tree) => {
    given(domainDefined(), created("a"), created("b"), ...then)
      .when(merge("b"))
      .does("SnapshotMerged", { moved: null })
      .leaves(tree);
  });

  test("is active, also when the target was not", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("a"), startedFrom("b"))
      .when(merge("b"))
      .does("SnapshotMerged", { current: { name: "a" } })
      .leaves("a*");
  });

  test("is named in the event", () => {
    const story = [domainDefined(), created("a"), created("b")];
    const [onBase, onOther] = [deactivated("a"), [deactivated("a"), created("x")]];
    given(...story, onBase)
      .when(merge("b"))
      .does("SnapshotMerged", { current: null });
    given(...story, ...onOther)
      .when(merge("b"))
      .does("SnapshotMerged", { current: { name: "x" } });
  });

  test("an inactive merged snapshot does not make its target inactive", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("b")).when(merge("b")).leaves("a*");
  });
});

describe("a running guest", () => {
  const beside = [domainDefined(), created("x"), deactivated("x"), created("a"), created("b")];

  test.each([
    ["on the merged snapshot", [], "a* ~x"],
    ["below it", [created("c")], "a(c*) ~x"],
    ["on another branch of the tree", [startedFrom("x")], "a x*"],
  ])("%s goes on: its heads stay where they are", (_, steps, tree) => {
    given(...beside, ...steps, running())
      .when(merge("b"))
      .does("SnapshotMerged", { moved: null })
      .leaves(tree);
  });

  test.each([
    ["on the target", [...branches, startedFrom("a")], "running"],
    ["on a branch that would go", branches, "running"],
    ["that is paused", branches, "paused"],
  ])("%s forbids it: its heads would have to move", (_, steps, guest) => {
    given(...steps, written(), running(guest === "paused"))
      .when(merge("b", force))
      .refuses("DOMAIN_RUNNING", { domain: "vm", guest }, /destroy vm/);
  });

  test("on the base forbids a merge into it", () => {
    given(domainDefined(), created("a"), deactivated("a"), running())
      .when(merge("a"))
      .refuses("DOMAIN_RUNNING", { guest: "running" }, /destroy vm/);
  });

  test("does not hide a branch that would go, or a base that may not be rewritten", () => {
    given(...branches, running())
      .when(merge("b"))
      .refuses("MERGE_WOULD_ORPHAN");
    given(domainDefined(), created("a"), deactivated("a"), running(), base({ writable: false }))
      .when(merge("a"))
      .refuses("BASE_IMAGE_READ_ONLY");
  });
});

test("a resized snapshot gives its target its size", () => {
  given(domainDefined(), created("a"), resized(block), created("b"))
    .when(merge("b"))
    .and((state) => {
      const [layer] = layersOf(state, namedSnapshot(state, "a"));
      expect(layer?.file.virtualBytes).toBe(sizes.base + block);
    });
});

test("the name of a merged snapshot is free again", () => {
  given(domainDefined(), created("a"), created("b"), merged("b"), created("b")).when(merge("b")).leaves("a*");
});
