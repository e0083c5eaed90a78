import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fullDisk } from "../../src/drivers/errors.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { layerOf, pendingFolds } from "../../src/projections/layers.ts";
import { deactivation, snapshotting, starting } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { holdOpen, qemuImg } from "../support/images.ts";
import { applyModel } from "../support/model.ts";
import type { Grown, Shape } from "../support/shapes.ts";
import { both, grow, placeHeads, resizeBoth, writeBoth } from "../support/shapes.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, refused, twoDisks, World } from "../support/world.ts";
import { dieAt, expectRecovered } from "../support/crash-points.ts";

/** Folds, and what in a prototype lost data without the rule that stands in the test's name. */

const chain: Shape = [null, 0, 1];
const merging = (uuid: string, name: string, force = false) => deactivation("MergeSnapshot", uuid, name, { force });

async function grown(shape: Shape, heads: string | null, disks = oneDisk): Promise<{ world: World } & Grown> {
  const world = new World(join(freshFolder(), "world"));
  const made = await grow(world, shape, disks);
  await placeHeads(world, made, heads);
  return { world, ...made };
}

/** Merges for which the folds cannot be done: a foreign process has the file open until the work is done. */
async function whileHeld(path: string, work: () => Promise<void>): Promise<void> {
  const held = await holdOpen(path, "qcow2");
  try {
    await work();
  } finally {
    await held.release();
  }
}

test("unsaved guest writes on a merged snapshot are never folded into the base: a dependent is never a head", async () => {
  const { world, uuid, model } = await grown([null], "a");
  await writeBoth(world, { uuid, model }, "vda", [0, 3]);

  await both(world, model, merging(uuid, "a"));

  await expectSettled(world, uuid, model);
  expect(model.dirty, "and they are still unsaved").toBe(true);
  await refused(world.run({ type: "UndefineDomain", domain: uuid, keep: "refuse" }), "HEADS_DIRTY");
});

test("links that a dead fold left on the lower file are put back before another merge folds through it", async () => {
  const { world, uuid, model } = await grown(chain, "a");
  await both(world, model, starting(uuid, "c"));
  applyModel(model, merging(uuid, "b"));
  await dieAt(world, merging(uuid, "b"), "before append LayersCompacted");
  await expectReadable(world, uuid, model);

  await both(world, model, merging(uuid, "c"));

  await expectSettled(world, uuid, model);
});

test("a fold that has begun and is blocked stops its disk until it ends", async () => {
  const { world, uuid, model } = await grown([null, 0, 1, 2], "d");
  const { snapshots, byName, layers } = await world.state(uuid);
  const merged = layers.get(snapshots.get(byName.get("c") ?? "")?.layers["vda"] ?? "")?.file.path ?? "";
  const full: Driver = {
    ...qemuDriver(),
    commit: (step, watch) =>
      step.from.path === merged ? Promise.reject(fullDisk(step.into.path)) : qemuDriver().commit(step, watch),
  };
  applyModel(model, merging(uuid, "c"));
  await dieAt(world, merging(uuid, "c"), "before append LayersCompacted");

  for (const name of ["b", "d"]) {
    applyModel(model, merging(uuid, name));
    await world.run(merging(uuid, name), { driver: full });
    await expectReadable(world, uuid, model);
  }

  expect(world.types(), "nothing else of this disk was folded").not.toContain("LayersCompacted");
  await expectRecovered(world, uuid, model, "once there is space");
});

test.each([1, 2, 3])(
  "dependents that were re-pointed before a death, %i of them, read right and are folded again",
  async (n) => {
    const { world, uuid, model } = await grown([null, 0, 1, 1], "b");
    applyModel(model, merging(uuid, "b"));
    await dieAt(world, merging(uuid, "b"), "after repoint", n);
    await expectReadable(world, uuid, model);
    await expectRecovered(world, uuid, model, `after ${n} dependents`);
  },
);

test("a larger lower file is cut to its new content's size before a larger child reads through it", async () => {
  const { world, uuid, model } = await grown([null], "a");
  const grownDomain = { uuid, model };
  await resizeBoth(world, grownDomain, "vda", 9);
  await both(world, model, snapshotting(uuid, "smaller"));
  await resizeBoth(world, grownDomain, "vda", 16);
  await both(world, model, snapshotting(uuid, "larger"));
  await expectSettled(world, uuid, model, "before");

  await both(world, model, merging(uuid, "smaller"));

  await expectSettled(world, uuid, model, "after");
});

test("a lower file grows to a larger one's size", async () => {
  const { world, uuid, model } = await grown([null], "a");
  await resizeBoth(world, { uuid, model }, "vda", 20);
  await writeBoth(world, { uuid, model }, "vda", [19]);
  await both(world, model, snapshotting(uuid, "larger"));

  await both(world, model, merging(uuid, "larger"));
  await expectSettled(world, uuid, model, "into a snapshot");
  await both(world, model, merging(uuid, "a"));
  await expectSettled(world, uuid, model, "into the base");
});

test("a base image is never cut", async () => {
  const { world, uuid, model } = await grown([], null);
  await resizeBoth(world, { uuid, model }, "vda", 9);
  await both(world, model, snapshotting(uuid, "smaller"));

  await refused(world.run(merging(uuid, "smaller")), "BASE_IMAGE_LARGER");

  await expectSettled(world, uuid, model);
});

test("a head that was resized and not written to is kept as an autosave", async () => {
  const { world, uuid, model } = await grown([null, null], "a");
  await resizeBoth(world, { uuid, model }, "vda", 20);

  await both(world, model, starting(uuid, "b"));

  await expectSettled(world, uuid, model);
  expect([...model.snapshots.values()].filter(({ automatic }) => automatic)).toHaveLength(1);
});

test("an autosave and the move it is for are one event", async () => {
  const { world, uuid, model } = await grown([null, null], "a");
  await writeBoth(world, { uuid, model }, "vda", [0]);
  const length = world.lines.length;

  await both(world, model, starting(uuid, "b"));

  expect(world.types(length)).toEqual(["OperationStarted", "HeadsMoved"]);
  expect(world.records().at(-1)?.data).toMatchObject({ autosave: { automatic: true }, destroyed: [] });
});

test("clusters that a killed writer leaked in the lower file are freed before the fold is recorded", async () => {
  const { world, uuid, model } = await grown([null, 0], "b");
  const state = await world.state(uuid);
  const lower = layerOf(state, [...state.snapshots.values()][0]?.layers["vda"]).file.path;
  applyModel(model, merging(uuid, "b"));
  await dieAt(world, merging(uuid, "b"), "before commit");
  leakCluster(lower);
  await expect(qemuImg("check", "-q", "-f", "qcow2", lower)).rejects.toThrow();

  await expectRecovered(world, uuid, model, "with a leak");
});

/** Counts a cluster at the file's end as used although no table refers to it: what a killed writer leaves behind. */
function leakCluster(path: string): void {
  const file = readFileSync(path);
  const whole = Buffer.concat([file, Buffer.alloc((65536 - (file.length % 65536)) % 65536), Buffer.alloc(65536)]);
  const refcountTable = Number(whole.readBigUInt64BE(48));
  const refcountBlock = Number(whole.readBigUInt64BE(refcountTable));
  whole.writeUInt16BE(1, refcountBlock + 2 * (whole.length / 65536 - 1));
  writeFileSync(path, whole);
}

test("a fold that is blocked stays pending, reads right, and appends nothing however often it is tried", async () => {
  const { world, uuid, model } = await grown(chain, "c");
  const state = await world.state(uuid);
  const lower = layerOf(state, state.snapshots.get(state.byName.get("a") ?? "")?.layers["vda"]).file.path;
  applyModel(model, merging(uuid, "b"));
  await dieAt(world, merging(uuid, "b"), "before commit");
  await whileHeld(lower, async () => {
    const length = world.lines.length;
    for (let i = 0; i < 3; i++) expect(await world.recover(uuid)).toMatchObject({ foldsPending: 1 });
    await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");
    expect(world.types(length)).toEqual([]);
    await expectReadable(world, uuid, model);
  });

  await expectRecovered(world, uuid, model, "let go");
});

test("a fold that recover does is counted once", async () => {
  const { world, uuid } = await grown(chain, "c");
  await world.run(merging(uuid, "b"), { driver: uncommitted() });
  expect(await world.recover(uuid)).toMatchObject({ folded: 1, foldsPending: 0 });
});

test.each([
  ["upwards", ["b", "c", "d"]],
  ["downwards", ["d", "c", "b"]],
])("folds that had to wait, of a chain that was merged %s, are done in the order of the chain", async (_, order) => {
  const { world, uuid, model } = await grown([null, 0, 1, 2], "d");
  for (const name of order) {
    applyModel(model, merging(uuid, name));
    await world.run(merging(uuid, name), { driver: uncommitted() });
  }
  expect(pendingFolds(await world.state(uuid))).toHaveLength(3);
  await expectReadable(world, uuid, model);

  await expectRecovered(world, uuid, model, "all at once");
});

test("what is merged into the base while an earlier merge waits is folded after it", async () => {
  const { world, uuid, model } = await grown(chain, "c", twoDisks);
  for (const name of ["b", "a", "c"]) {
    applyModel(model, merging(uuid, name));
    const merged = world.run(merging(uuid, name), { driver: uncommitted() });
    await (name === "b" ? merged : refused(merged, "COMPACTION_PENDING"));
  }
  await expectReadable(world, uuid, model);

  await expectRecovered(world, uuid, model, "all at once");
});

test("a snapshot whose fold waits can be discarded, and started from, and built upon", async () => {
  const { world, uuid, model } = await grown([null, 0, 1], "c");
  applyModel(model, merging(uuid, "b"));
  await world.run(merging(uuid, "b"), { driver: uncommitted() });
  for (const command of [starting(uuid, "a"), snapshotting(uuid, "d"), deactivation("DiscardSnapshot", uuid, "c")]) {
    applyModel(model, command);
    await world.run(command, { driver: uncommitted() });
    await expectReadable(world, uuid, model);
  }

  await expectRecovered(world, uuid, model, "let go");
});

/** qemu-img on a disk that is full whenever something is to be folded. */
function uncommitted(): Driver {
  return { ...qemuDriver(), commit: ({ into }) => Promise.reject(fullDisk(into.path)) };
}
