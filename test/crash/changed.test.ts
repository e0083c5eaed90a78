import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import type { Command } from "../../src/events/command.ts";
import { layerOf } from "../../src/projections/layers.ts";
import { deactivation, snapshotting, starting, told } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { writePattern } from "../support/images.ts";
import { applyModel, sectorBytes } from "../support/model.ts";
import type { Grown, Shape } from "../support/shapes.ts";
import { both, grow, placeHeads, writeBoth } from "../support/shapes.ts";
import { definedOn, makeSizedBase, mergeSized, stuckAt } from "../support/sized-chains.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, refused, twoDisks, World } from "../support/world.ts";
import { dieAt, expectRecovered } from "../support/crash-points.ts";

/** Frozen files that somebody wrote to behind the log: nothing is done with them as if the log were right. */

const merging = (uuid: string, name: string) => deactivation("MergeSnapshot", uuid, name);

async function grown(shape: Shape, heads: string | null, disks = oneDisk): Promise<{ world: World } & Grown> {
  const folder = freshFolder();
  const world = new World(join(folder, "world"), qemuDriver({ run: join(folder, "run") }));
  const made = await grow(world, shape, disks);
  await placeHeads(world, made, heads);
  return { world, ...made };
}

async function layerFile(world: World, uuid: string, name: string, target = "vda"): Promise<string> {
  const { snapshots, byName, layers } = await world.state(uuid);
  return layers.get(snapshots.get(byName.get(name) ?? "")?.layers[target] ?? "")?.file.path ?? "";
}

async function baseFile(world: World, uuid: string): Promise<string> {
  const state = await world.state(uuid);
  return layerOf(state, state.bases["vda"]).file.path;
}

/** Another byte where the file held one already: its length stays, its time does not. */
const tamper = (path: string) => writePattern(path, "qcow2", 0, sectorBytes, 222);

/** Beside the folder that it is in, where every file is known. */
const backupOf = (path: string) => join(dirname(path), "..", `${basename(path)}.bak`);
const keep = (path: string) => execFileSync("cp", ["-a", path, backupOf(path)]);
const putBack = (path: string) => execFileSync("mv", [backupOf(path), path]);

describe("a layer that was written to behind the log", () => {
  const standOn: readonly [what: string, file: string, ask: (uuid: string) => Command][] = [
    ["a merge of it", "b", (uuid) => merging(uuid, "b")],
    ["a merge into it", "a", (uuid) => merging(uuid, "b")],
    ["a merge of what lies above it", "a", (uuid) => merging(uuid, "c")],
    ["a merge of what lies below it", "c", (uuid) => merging(uuid, "b")],
    ["a merge into the base image", "b", (uuid) => merging(uuid, "a")],
    ["a start of the guest on it", "a", (uuid) => ({ type: "StartDomain", domain: uuid, paused: false })],
    ["heads on it", "b", (uuid) => starting(uuid, "c")],
    ["heads on it that give the old ones up", "b", (uuid) => starting(uuid, "b", { discardChanges: true })],
  ];

  test.each(standOn)("forbids %s, and the refusal is recorded", async (_, file, ask) => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    const path = await layerFile(world, uuid, file);
    keep(path);
    await tamper(path);
    const content = readFileSync(path);
    const length = world.lines.length;

    const error = await refused(world.run(ask(uuid)), "FILES_CHANGED");

    expect(error.message).toContain(`${path} has `);
    expect(error.message).toMatch(/time of change \S+Z, not \S+Z/);
    expect(error.facts["changed"]).toMatchObject([{ path }]);
    expect(world.types(length)).toEqual(["CommandRejected"]);
    expect(world.records().at(-1)?.data).toMatchObject({ code: "FILES_CHANGED" });
    expect(readFileSync(path).equals(content), "nothing was written to it").toBe(true);
    putBack(path);
    await expectSettled(world, uuid, model);
  });

  test("forbids nothing that does not stand on it", async () => {
    const { world, uuid, model } = await grown([null, 0, null, 2], "d");
    const path = await layerFile(world, uuid, "b");
    keep(path);
    await tamper(path);

    await both(world, model, merging(uuid, "d"));
    await both(world, model, starting(uuid, "c"));
    await both(world, model, snapshotting(uuid, "e"));

    putBack(path);
    await expectSettled(world, uuid, model);
  });

  test("is told whatever the disk is that it is of, and none of the disks is folded", async () => {
    const { world, uuid, model } = await grown([null, 0], "b", twoDisks);
    const path = await layerFile(world, uuid, "a", "vdb");
    keep(path);
    await tamper(path);

    await refused(world.run(merging(uuid, "b")), "FILES_CHANGED");

    expect(world.types()).not.toContain("LayersCompacted");
    putBack(path);
    await both(world, model, merging(uuid, "b"));
    await expectSettled(world, uuid, model);
  });

  test.each([
    ["the lower one", lowerOf],
    ["the merged one", (world: World, uuid: string) => layerFile(world, uuid, "a")],
    ["one that is to be re-pointed", (world: World, uuid: string) => layerFile(world, uuid, "c")],
  ])("stops a fold that was decided, and is put back by cp -a: %s", async (_, fileOf) => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    await dieAt(world, merging(uuid, "b"), "before append FoldStarted");
    const file = await fileOf(world, uuid);
    applyModel(model, merging(uuid, "b"));
    keep(file);
    await tamper(file);
    const length = world.lines.length;

    const error = await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");

    expect(error.facts).toMatchObject({ cause: "NEEDS_OPERATOR", folds: 1 });
    expect(error.message).toContain(`${file} has `);
    expect(error.hint).toContain("'cp -a' keeps it");
    expect(world.types(length)).toEqual([]);
    execFileSync("cp", ["-a", backupOf(file), file]);
    await expectRecovered(world, uuid, model, "put back");
  });

  /** The layer that waits to take the merged one. */
  async function lowerOf(world: World, uuid: string): Promise<string> {
    const state = await world.state(uuid);
    const merged = layerOf(state, state.snapshots.get(state.byName.get("a") ?? "")?.layers["vda"]);
    return layerOf(state, merged.backing ?? "").file.path;
  }

  test("is told although its length and its time are those of before, once its virtual size is another", async () => {
    const { world, uuid } = await grown([null, 0], "b");
    const path = await layerFile(world, uuid, "a");
    const { mtimeNs } = statSync(path, { bigint: true });
    const file = readFileSync(path);
    file.writeBigUInt64BE(file.readBigUInt64BE(24) + 512n, 24);
    writeFileSync(path, file);
    execFileSync("touch", [
      "-d",
      `@${mtimeNs / 1_000_000_000n}.${String(mtimeNs % 1_000_000_000n).padStart(9, "0")}`,
      path,
    ]);

    const { message } = await refused(world.run(merging(uuid, "b")), "FILES_CHANGED");

    expect(message).toContain("virtual size");
  });
});

describe("a base image", () => {
  test("that was written over in place, in the same inode, is not merged into nor stood on", async () => {
    const { world, uuid, model } = await grown([null, 0], "b");
    const path = await baseFile(world, uuid);
    keep(path);
    const { ino } = statSync(path);
    writeFileSync(path, readFileSync(path));
    utimesSync(path, 1, 1);
    expect(statSync(path).ino).toBe(ino);

    for (const command of [merging(uuid, "a"), merging(uuid, "b"), starting(uuid, "a")]) {
      const { message } = await refused(world.run(command), "FILES_CHANGED");
      expect(message, told(command)).toContain(`${path} has time of change`);
    }

    putBack(path);
    await both(world, model, merging(uuid, "a"));
    await expectSettled(world, uuid, model);
  });

  test("that another file of the same content and time took the place of is merged into", async () => {
    const { world, uuid, model } = await grown([null, 0], "b");
    const path = await baseFile(world, uuid);
    keep(path);
    putBack(path);

    await both(world, model, merging(uuid, "a"));

    await expectSettled(world, uuid, model);
  });

  test("is not merged into when the file that backs it was written to", async () => {
    const world = new World(join(freshFolder(), "world"));
    mkdirSync(world.folder);
    const base = await makeSizedBase(world, "qcow2 on a larger one", 4 * 128);
    const { uuid, model } = await definedOn(world, base);
    await both(world, model, snapshotting(uuid, "a"));
    const golden = join(world.folder, "golden.qcow2");
    keep(golden);
    await tamper(golden);

    const { facts } = await refused(world.run(merging(uuid, "a")), "FILES_CHANGED");

    expect(facts["changed"]).toMatchObject([{ path: golden }]);
    putBack(golden);
    await both(world, model, merging(uuid, "a"));
    await expectSettled(world, uuid, model);
  });
});

describe("what a fold has begun to write is no change behind the log", () => {
  test.each(["before commit", "after commit", "after repoint", "after repairLeaks", "before append LayersCompacted"])(
    "died %s: the merge after it is decided and both are folded",
    async (moment) => {
      const { world, uuid, model } = await grown([null, 0, 1, 2], "d");
      await dieAt(world, merging(uuid, "b"), moment);
      applyModel(model, merging(uuid, "b"));

      await both(world, model, merging(uuid, "c"));

      await expectSettled(world, uuid, model);
    },
  );

  test.each(["commit", "repoint"] as const)(
    "a base image that a fold stuck at its %s wrote to takes no other merge before it has got all",
    async (step) => {
      const { world, uuid, model } = await grown([null, 0, 1], "c");
      await mergeSized(world, { uuid, model }, "a", stuckAt(step));
      await expectReadable(world, uuid, model);
      await refused(world.run(merging(uuid, "b"), { driver: stuckAt(step) }), "COMPACTION_UNFINISHED");
      await expectReadable(world, uuid, model);

      await expectRecovered(world, uuid, model, "there is space again");
    },
  );

  test("but what it does not write is compared still", async () => {
    const { world, uuid, model } = await grown([null, 0, 1, 1], "c");
    await writeBoth(world, { uuid, model }, "vda", [2]);
    await dieAt(world, merging(uuid, "b"), "after repoint");
    applyModel(model, merging(uuid, "b"));
    const path = await baseFile(world, uuid);
    keep(path);
    await tamper(path);

    await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");

    putBack(path);
    await expectRecovered(world, uuid, model, "put back");
  });
});
