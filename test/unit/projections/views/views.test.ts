import { describe, expect, test } from "vitest";
import { isSnapledgerError } from "../../../../src/errors.ts";
import type { SnapshotFilter } from "../../../../src/projections/views/info.ts";
import { domainInfo, listSnapshots, namedSnapshot, snapshotInfo } from "../../../../src/projections/views/views.ts";
import { hang } from "../../../support/big-trees.ts";
import { Historian } from "../../../support/histories.ts";

/** root1 <- b <- c and a; root2 alone. c is paused, b marked by deactivate. */
function tree() {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  const state = historian.state(id);
  const create = (name: string, diskOnly = true) => {
    const command = { type: "CreateSnapshot", domain: state.name, name, description: `about ${name}` } as const;
    historian.run(id, { ...command, compression: null, offline: true, diskOnly });
  };
  const moveTo = (snapshot: string) => {
    const command = { type: "CreateWithSnapshot", domain: state.name, snapshot } as const;
    historian.run(id, { ...command, start: false, discardChanges: true });
  };
  create("root1");
  create("b");
  historian.run(id, { type: "StartDomain", domain: state.name, paused: true });
  create("c", false);
  historian.run(id, { type: "DestroyDomain", domain: state.name });
  moveTo("root1");
  create("a");
  const deactivate = { type: "DeactivateSnapshot", domain: state.name, discardChanges: true } as const;
  historian.run(id, { ...deactivate, snapshot: "root1" });
  create("root2");
  historian.run(id, { ...deactivate, snapshot: "b" });
  return { historian, state };
}

const { historian, state } = tree();
const names = (filter: SnapshotFilter) => listSnapshots(state, filter).map(({ name }) => name);

describe("the list of snapshots", () => {
  test("is by name, or topological: parents first, siblings by name", () => {
    expect(names({})).toEqual(["a", "b", "c", "root1", "root2"]);
    expect(names({ topological: true })).toEqual(["root1", "a", "b", "c", "root2"]);
  });

  test("sorts as virsh does: ASCII letters of either case together, then by code point", () => {
    const sorted = ["_x", "a", "B", "b", "C", "Z1", "z9", "É", "é", "\uff21", "🙂"];
    const big = hang(
      sorted.map(() => null),
      (i) => sorted.at(-1 - i)!,
    );
    expect(listSnapshots(big).map(({ name }) => name)).toEqual(sorted);
    expect(listSnapshots(big, { topological: true }).map(({ name }) => name)).toEqual(sorted);
  });

  test.each<[string, SnapshotFilter, string[]]>([
    ["roots", { roots: true }, ["root1", "root2"]],
    ["leaves", { leaves: true }, ["a", "c", "root2"]],
    ["no leaves", { noLeaves: true }, ["b", "root1"]],
    ["leaves or no leaves, which is all", { leaves: true, noLeaves: true }, ["a", "b", "c", "root1", "root2"]],
    ["roots that are leaves", { roots: true, leaves: true }, ["root2"]],
    ["children of one", { from: "root1" }, ["a", "b"]],
    ["children of one, topological", { from: "root1", topological: true }, ["a", "b"]],
    ["all below one", { from: "root1", descendants: true }, ["a", "b", "c"]],
    ["all below one, parents first", { from: "root1", descendants: true, topological: true }, ["a", "b", "c"]],
    ["leaves below one", { from: "root1", descendants: true, leaves: true }, ["a", "c"]],
    ["nothing below a leaf", { from: "c", descendants: true }, []],
    ["those taken paused", { states: ["paused"] }, ["c"]],
    ["those taken paused or off", { states: ["paused", "off"] }, ["a", "b", "c", "root1", "root2"]],
    ["any state when none is named", { states: [] }, ["a", "b", "c", "root1", "root2"]],
    ["those marked by deactivate", { deactivated: true }, ["b", "root1"]],
  ])("filters %s", (_, filter, expected) => expect(names(filter)).toEqual(expected));

  test("says which `from` is missing", () => {
    expect(() => names({ from: "nope" })).toThrow(
      expect.toSatisfy((error: unknown) => isSnapledgerError(error, "SNAPSHOT_NOT_FOUND")),
    );
  });

  test("says of each snapshot what it says of it alone", () => {
    for (const info of listSnapshots(state)) expect(snapshotInfo(state, namedSnapshot(state, info.name))).toEqual(info);
  });

  test("holds a chain as deep as a domain may have, with every count right", () => {
    const deep = hang(Array.from({ length: 16_384 }, (_, i) => (i === 0 ? null : i - 1)));
    const list = listSnapshots(deep, { topological: true });
    expect(list.map(({ descendants }) => descendants)).toEqual(list.map((_, i) => 16_383 - i));
    expect(listSnapshots(deep, { from: list[0]!.name, descendants: true })).toHaveLength(16_383);
    expect(snapshotInfo(deep, namedSnapshot(deep, list[0]!.name)).descendants).toBe(16_383);
  });

  test("holds as many roots as a domain may have snapshots", () => {
    const wide = hang(Array.from({ length: 16_384 }, () => null));
    expect(listSnapshots(wide, { roots: true, leaves: true, topological: true })).toHaveLength(16_384);
  });
});

describe("a snapshot", () => {
  test("is told in full", () => {
    const c = namedSnapshot(state, "c");
    const info = snapshotInfo(state, c);
    const layer = state.layers.get(c.layers["vda"]!)!;
    expect(info).toEqual({
      ...{ id: c.id, name: "c", description: "about c", domain: { id: state.id, name: state.name } },
      ...{ parent: { id: state.byName.get("b"), name: "b" }, children: 0, descendants: 0, current: false },
      ...{ state: "paused", active: true, automatic: false, compression: null },
      ...{ creationTime: historian.records[c.position - 1]!.time, position: c.position, user: "alice", reason: null },
      ...{ layers: { vda: layer.file.path }, layerIds: { vda: layer.id } },
      ...{ memory: `/layers/${state.id}/${c.id}.mem`, bytes: layer.file.bytes + 1024 },
    });
  });

  test("counts children and all below", () => {
    expect(snapshotInfo(state, namedSnapshot(state, "root1"))).toMatchObject({
      children: 2,
      descendants: 3,
      parent: null,
    });
    expect(snapshotInfo(state, namedSnapshot(state, "root2"))).toMatchObject({
      children: 0,
      descendants: 0,
      current: true,
    });
  });
});

describe("a domain", () => {
  test("is told in full", () => {
    const info = domainInfo(state);
    const garbage = historian.records.flatMap(({ type }) => (type === "HeadsMoved" ? [type] : []));
    expect(info).toMatchObject({
      ...{ id: state.id, name: state.name, driver: "memory", state: "off", snapshots: 5, foldsPending: 0 },
      ...{ current: { name: "root2" }, operation: null, revision: state.revision, position: state.position },
    });
    expect(info.garbage).toBeGreaterThanOrEqual(garbage.length);
    expect(info.disks).toEqual([
      {
        target: "vda",
        base: state.layers.get(state.bases["vda"]!)!.file,
        head: state.layers.get(state.heads["vda"]!)!.file,
        depth: 1,
      },
    ]);
  });

  test("shows an operation without outcome, and the folds that wait after a merge", () => {
    const own = tree();
    const merge = { type: "MergeSnapshot", domain: own.state.name, snapshot: "c", discardChanges: false } as const;
    own.historian.run(own.state.id, { ...merge, force: false });
    expect(domainInfo(own.state)).toMatchObject({ foldsPending: 1, operation: null, snapshots: 4 });
    own.historian.play({ verb: "fold", domain: own.state.id });
    expect(domainInfo(own.state)).toMatchObject({ foldsPending: 0 });
    own.historian.run(own.state.id, { ...merge, snapshot: "b", force: true }, { end: "none" });
    const { operation } = domainInfo(own.state);
    expect(operation).toMatchObject({ command: "MergeSnapshot", user: "alice", position: own.state.position });
  });
});
