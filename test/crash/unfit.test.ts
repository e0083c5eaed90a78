import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Command } from "../../src/events/command.ts";
import { isDirty, leaveDirty, loseRefcount } from "../support/unfit-images.ts";
import { deactivation, snapshotting, starting } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { makeQcow2, MiB, qemuImg, writePattern } from "../support/images.ts";
import { applyModel, sectorBytes, writeModel } from "../support/model.ts";
import type { Grown, Shape } from "../support/shapes.ts";
import { both, grow, nextByte, placeHeads } from "../support/shapes.ts";
import { definedOn } from "../support/sized-chains.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, refused, World } from "../support/world.ts";
import { dieAt, expectRecovered } from "../support/crash-points.ts";

/**
 * Files whose tables are not in order. `qemu-img commit` into one hands out clusters that are in use and exits 0
 * (measured), so none is written to, and none is frozen, before it is repaired.
 */

const merging = (uuid: string, name: string) => deactivation("MergeSnapshot", uuid, name);

async function grown(shape: Shape, heads: string | null): Promise<{ world: World } & Grown> {
  const world = new World(join(freshFolder(), "world"));
  const made = await grow(world, shape, oneDisk);
  await placeHeads(world, made, heads);
  return { world, ...made };
}

async function onImage(): Promise<{ world: World; base: string }> {
  const world = new World(join(freshFolder(), "world"));
  mkdirSync(world.folder);
  const base = await makeQcow2(join(world.folder, "base.qcow2"), MiB);
  await writePattern(base, "qcow2", 0, MiB / 2, nextByte());
  return { world, base };
}

async function layerFile(world: World, uuid: string, name: string): Promise<string> {
  const { snapshots, byName, layers } = await world.state(uuid);
  return layers.get(snapshots.get(byName.get(name) ?? "")?.layers["vda"] ?? "")?.file.path ?? "";
}

/** What the hint says. */
const repair = (path: string) => qemuImg("check", "-q", "-r", "all", "-f", "qcow2", path).catch(() => undefined);

/** What is written there reads so already. */
const harms: readonly [name: string, harm: (path: string) => Promise<void> | void, message: RegExp][] = [
  ["left dirty", (path) => leaveDirty(path, 12 * sectorBytes, sectorBytes, 213), /is marked dirty/],
  ["wrong in its reference counts", loseRefcount, /has \d+ errors in its cluster tables/],
];

describe.each(harms)("a file that is %s", (_, harm, message) => {
  test("is no base image to define a domain on", async () => {
    const { world, base } = await onImage();
    await harm(base);
    const content = readFileSync(base);

    const error = await refused(
      world.run(world.defining("vm", [{ target: "vda", path: base, format: "qcow2" }])),
      "IMAGE_INVALID",
    );

    expect(error.message).toMatch(message);
    expect(error.hint).toContain(`qemu-img check -r all ${base}`);
    expect(readFileSync(base).equals(content)).toBe(true);
    await repair(base);
    await definedOn(world, { path: base, format: "qcow2" });
  });

  test("is no base image to merge into, and nothing is changed", async () => {
    const { world, base } = await onImage();
    const { uuid, model } = await definedOn(world, { path: base, format: "qcow2" });
    await both(world, model, snapshotting(uuid, "a"));
    execFileSync("cp", ["-a", base, `${base}.bak`]);
    await harm(base);
    const content = readFileSync(base);

    const error = await refused(world.run(merging(uuid, "a")), "IMAGE_INVALID");

    expect(error.message).toMatch(message);
    expect(readFileSync(base).equals(content)).toBe(true);
    expect(world.types().at(-1)).toBe("CommandRejected");
    execFileSync("mv", [`${base}.bak`, base]);
    await both(world, model, merging(uuid, "a"));
    await expectSettled(world, uuid, model);
  });

  test("is no layer to merge into, and nothing is changed", async () => {
    const { world, uuid, model } = await grown([null, 0], "b");
    const path = await layerFile(world, uuid, "a");
    execFileSync("cp", ["-a", path, `${path}.bak`]);
    await harm(path);
    const content = readFileSync(path);
    const length = world.lines.length;

    const error = await refused(world.run(merging(uuid, "b")), "IMAGE_INVALID");

    expect(error.message).toMatch(message);
    expect(error.hint).toContain(`qemu-img check -r all ${path}`);
    expect(world.types(length)).toEqual(["CommandRejected"]);
    expect(readFileSync(path).equals(content)).toBe(true);
    execFileSync("mv", [`${path}.bak`, path]);
    await both(world, model, merging(uuid, "b"));
    await expectSettled(world, uuid, model);
  });

  test("stops a fold that had been decided, or begun, before it writes to it", async () => {
    for (const moment of ["before append FoldStarted", "before commit"]) {
      const { world, uuid, model } = await grown([null, 0, 1], "c");
      const path = await layerFile(world, uuid, "a");
      await dieAt(world, merging(uuid, "b"), moment);
      applyModel(model, merging(uuid, "b"));
      execFileSync("cp", ["-a", path, `${path}.bak`]);
      await harm(path);
      const content = readFileSync(path);

      const error = await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");

      expect(error.facts, moment).toMatchObject({ cause: "NEEDS_OPERATOR", folds: 1 });
      expect(readFileSync(path).equals(content), moment).toBe(true);
      await expectReadable(world, uuid, model, moment);
      execFileSync("mv", [`${path}.bak`, path]);
      await expectRecovered(world, uuid, model, moment);
    }
  });

  test("stops a fold that has begun until it is repaired", async () => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    const path = await layerFile(world, uuid, "a");
    await dieAt(world, merging(uuid, "b"), "before commit");
    applyModel(model, merging(uuid, "b"));
    await harm(path);
    const { hint } = await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");
    expect(hint).toContain(`qemu-img check -r all ${path}`);

    await repair(path);

    await expectRecovered(world, uuid, model, "repaired");
  });
});

describe("a head that its guest left dirty", () => {
  /** Of a guest that was killed with its host. */
  async function withDirtyHead(shape: Shape, place: string | null) {
    const { world, uuid, model } = await grown(shape, place);
    const { path } = await world.head(uuid, "vda");
    const byte = nextByte();
    await leaveDirty(path, 3 * sectorBytes, 2 * sectorBytes, byte);
    writeModel(model, "vda", [3, 4], byte);
    return { world, uuid, model, path };
  }

  async function expectSound(world: World, path: string): Promise<void> {
    expect(isDirty(path), "the layer is marked dirty").toBe(false);
    await qemuImg("check", "-q", "-f", "qcow2", path);
    expect(world.types()).not.toContain("OperationFailed");
  }

  const keepers: readonly [name: string, command: (uuid: string) => Command, compressed?: boolean][] = [
    ["a snapshot", (uuid) => snapshotting(uuid, "new")],
    ["an autosave by create-with-snapshot", (uuid) => starting(uuid, "a")],
    ["an autosave by deactivate", (uuid) => deactivation("DeactivateSnapshot", uuid, "b")],
  ];

  test.each(keepers)("is repaired before it is frozen, and reads as it did: %s", async (_, command) => {
    const { world, uuid, model, path } = await withDirtyHead([null, 0], "b");

    await both(world, model, command(uuid));

    await expectSettled(world, uuid, model);
    await expectSound(world, path);
    const state = await world.state(uuid);
    const frozen = [...state.layers.values()].find(({ file }) => file.path === path)!;
    const seen = await world.driver.observe({ path, format: "qcow2" });
    expect(frozen.file, "the log has what the repair left").toEqual(seen?.facts);
  });

  test("is repaired before it is compressed", async () => {
    const { world, uuid, model } = await withDirtyHead([null, 0], "b");

    await both(world, model, snapshotting(uuid, "new", { compression: "zlib" }));

    await expectSettled(world, uuid, model);
  });

  test("can be merged into once it is frozen", async () => {
    const { world, uuid, model } = await withDirtyHead([null, 0], "b");
    await both(world, model, snapshotting(uuid, "new"));
    await both(world, model, snapshotting(uuid, "later"));

    await both(world, model, merging(uuid, "later"));
    await both(world, model, merging(uuid, "new"));

    await expectSettled(world, uuid, model);
  });

  test("is given up without a repair", async () => {
    const { world, uuid, model, path } = await withDirtyHead([null, 0], "b");

    await both(world, model, starting(uuid, "a", { discardChanges: true }));

    await expectSettled(world, uuid, model);
    expect(world.filesOf(uuid)).not.toContain(path);
  });

  test.each(["before repairImage", "after repairImage"])("reads right when its repair dies: %s", async (moment) => {
    const { world, uuid, model } = await withDirtyHead([null, 0], "b");
    await dieAt(world, snapshotting(uuid, "new"), moment);
    await expectReadable(world, uuid, model);

    await world.recover(uuid);
    await both(world, model, snapshotting(uuid, "new"));

    await expectSettled(world, uuid, model);
  });

  test("is not frozen when its tables are wrong without that mark", async () => {
    const { world, uuid, model } = await grown([null], "a");
    const { path } = await world.head(uuid, "vda");
    await world.write(uuid, "vda", [3], 5);
    loseRefcount(path);

    for (const command of [snapshotting(uuid, "b"), starting(uuid, "a")])
      await refused(world.run(command), "IMAGE_INVALID");

    await both(world, model, starting(uuid, "a", { discardChanges: true }));
    await expectSettled(world, uuid, model);
  });
});
