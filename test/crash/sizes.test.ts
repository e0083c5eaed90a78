import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import { lockedImage } from "../../src/drivers/errors.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { deactivation, snapshotting } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { qemuImg, readAll } from "../support/images.ts";
import { applyModel } from "../support/model.ts";
import type { Grown } from "../support/shapes.ts";
import { both, grow, resizeBoth, writeBoth } from "../support/shapes.ts";
import type { BaseKind } from "../support/sized-chains.ts";
import {
  clusterSectors,
  cutWithin,
  definedOn,
  finelyMeasured,
  makeSizedBase,
  mergeSized,
} from "../support/sized-chains.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, refused, World } from "../support/world.ts";
import { expectRecovered } from "../support/crash-points.ts";

/** Folds between files of different sizes, and what in a prototype was read where nothing had been written. */

const within = 2 * clusterSectors + 8;
const larger = 4 * clusterSectors;

async function onBase(kind: BaseKind, sectors: number): Promise<{ world: World; base: string } & Grown> {
  const world = finelyMeasured(join(freshFolder(), "world"));
  mkdirSync(world.folder);
  const image = await makeSizedBase(world, kind, sectors);
  return { world, base: image.path, ...(await definedOn(world, image)) };
}

async function layerFile(world: World, uuid: string, name: string): Promise<string> {
  const { snapshots, byName, layers } = await world.state(uuid);
  return layers.get(snapshots.get(byName.get(name) ?? "")?.layers["vda"] ?? "")?.file.path ?? "";
}

/** The head gets that size, one sector at its start is written, and it is frozen: past its old end it holds nothing. */
async function resized(world: World, grown: Grown, name: string, sectors: number): Promise<void> {
  await resizeBoth(world, grown, "vda", sectors);
  await writeBoth(world, grown, "vda", [0]);
  await both(world, grown.model, snapshotting(grown.uuid, name));
}

/** What lies in a qcow2 file where its disk's cluster at that sector is, whatever the disk's size is. */
function hostCluster(path: string, sector: number): Buffer {
  const file = readFileSync(path);
  const clusterBytes = 2 ** file.readUInt32BE(20);
  const l2 = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(40))) & 0x00fffffffffffe00n);
  const at = Number(file.readBigUInt64BE(l2 + 8 * Math.floor((sector * 512) / clusterBytes)) & 0x00fffffffffffe00n);
  expect(at, "a cluster is there").toBeGreaterThan(0);
  return file.subarray(at, at + clusterBytes);
}

describe("the fold into a base image", () => {
  test("comes last on its disk: what is larger than the first layer does not read the base through it", async () => {
    const { world, uuid, model, base } = await onBase("qcow2", 3 * clusterSectors);
    const grown = { uuid, model };
    await resized(world, grown, "a", 2 * clusterSectors);
    await resized(world, grown, "s", 5 * clusterSectors);
    const merged = model.snapshots.get("s")!.content["vda"];

    // Somebody else has it open by the time it is to be folded into: that fold does not even begin.
    const lower = await layerFile(world, uuid, "a");
    const real = qemuDriver();
    const held: Driver = {
      ...real,
      imageFault: (file, watch, how) =>
        file.path === lower && how?.unlessKnownSound
          ? Promise.reject(lockedImage(lower))
          : real.imageFault(file, watch, how),
    };
    await mergeSized(world, grown, "s", held);
    await mergeSized(world, grown, "a", held);
    expect(world.types()).not.toContain("FoldStarted");
    await expectReadable(world, uuid, model, "neither fold is done");
    await world.run({ type: "CompactDomain", domain: uuid });

    await expectSettled(world, uuid, model);
    expect(model.base["vda"]).toEqual(merged);
    const folds = world.records().filter(({ type }) => type === "LayersCompacted");
    const state = await world.state(uuid);
    expect(folds.map(({ data }) => "into" in data && data.into === state.bases["vda"])).toEqual([false, true]);
    expect((await readAll(base, "qcow2")).length).toBe(5 * clusterSectors * 512);
  });

  test("waits while the layer below the merged one cannot be written to, whatever is asked for meanwhile", async () => {
    const { world, uuid, model, base } = await onBase("qcow2", 3 * clusterSectors);
    const grown = { uuid, model };
    await resized(world, grown, "a", 2 * clusterSectors);
    await resized(world, grown, "s", 5 * clusterSectors);
    const lower = await layerFile(world, uuid, "a");
    const before = readFileSync(base);
    chmodSync(lower, 0o400);

    await mergeSized(world, grown, "s", { ...qemuDriver() });
    await mergeSized(world, grown, "a", { ...qemuDriver() });
    await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");

    expect(readFileSync(base).equals(before), "the base image is what it was").toBe(true);
    await expectReadable(world, uuid, model);
    chmodSync(lower, 0o600);
    await expectRecovered(world, uuid, model, "writable again");
  });
});

describe("old bytes past the end of a lower file", () => {
  test("are not read when a layer that was cut within a cluster takes a larger one", async () => {
    const { world, uuid, model } = await onBase("qcow2", clusterSectors);
    const grown = { uuid, model };
    await cutWithin(world, grown, within);
    await both(world, model, snapshotting(uuid, "a"));
    await resized(world, grown, "c", larger);
    expect(
      hostCluster(await layerFile(world, uuid, "a"), within)
        .subarray(8 * 512)
        .some((byte) => byte !== 0),
    ).toBe(true);

    await both(world, model, deactivation("MergeSnapshot", uuid, "c"));

    await expectSettled(world, uuid, model);
  });

  test("are not read when such a layer is compressed", async () => {
    const { world, uuid, model } = await onBase("qcow2", clusterSectors);
    const grown = { uuid, model };
    await cutWithin(world, grown, within);
    await both(world, model, snapshotting(uuid, "a", { compression: "zlib" }));
    await resized(world, grown, "c", larger);

    await both(world, model, deactivation("MergeSnapshot", uuid, "c"));

    await expectSettled(world, uuid, model);
  });

  test.each<BaseKind>(["qcow2 that was cut", "qcow2 on a larger one", "raw"])(
    "are not read when a base image takes a larger layer: %s",
    async (kind) => {
      const { world, uuid, model } = await onBase(kind, within);
      await resized(world, { uuid, model }, "c", larger);

      await both(world, model, deactivation("MergeSnapshot", uuid, "c"));

      await expectSettled(world, uuid, model);
    },
  );

  test("are not read by what a killed commit left, of which only the new size was written", async () => {
    const { world, uuid, model, base } = await onBase("qcow2 on a larger one", within);
    await resized(world, { uuid, model }, "c", larger);
    const driver = qemuDriver({ program: qemuImgBut('[ "$1" = commit ]', growAndDie(larger * 512)) });
    await mergeSized(world, { uuid, model }, "c", driver);
    expect((await readAll(base, "qcow2")).length, "it got so far").toBe(larger * 512);
    await expectReadable(world, uuid, model);

    await expectRecovered(world, uuid, model, "grown by hand");
  });

  test("are zeroed when a fold cuts a file, before anything can make it larger again", async () => {
    const { world, uuid, model } = await onBase("qcow2", clusterSectors);
    const grown = { uuid, model };
    await resizeBoth(world, grown, "vda", larger);
    await writeBoth(world, grown, "vda", sectorsFrom(0, larger));
    await both(world, model, snapshotting(uuid, "a"));
    await resized(world, grown, "s", within);
    const lower = await layerFile(world, uuid, "a");

    await both(world, model, deactivation("MergeSnapshot", uuid, "s"));

    await expectSettled(world, uuid, model);
    const bytes = hostCluster(lower, within - 8);
    expect([bytes.length, bytes.subarray(0, 8 * 512).every((byte) => byte !== 0)]).toEqual([65536, true]);
    expect(
      bytes.subarray(8 * 512).every((byte) => byte === 0),
      "the rest of the last cluster",
    ).toBe(true);
    await qemuImg("resize", "-q", "-f", "qcow2", lower, String(larger * 512));
    const whole = await readAll(lower, "qcow2");
    expect(whole.subarray(within * 512).every((byte) => byte === 0)).toBe(true);
  });

  test("of a compressed cluster are zeroed, too", async () => {
    const { world, uuid, model } = await onBase("qcow2", clusterSectors);
    const grown = { uuid, model };
    await resizeBoth(world, grown, "vda", larger);
    await writeBoth(world, grown, "vda", sectorsFrom(0, larger));
    await both(world, model, snapshotting(uuid, "a", { compression: "zstd" }));
    await resized(world, grown, "s", within);
    const lower = await layerFile(world, uuid, "a");

    await both(world, model, deactivation("MergeSnapshot", uuid, "s"));

    await expectSettled(world, uuid, model);
    await qemuImg("resize", "-q", "-f", "qcow2", lower, String(larger * 512));
    const whole = await readAll(lower, "qcow2");
    expect(whole.subarray(within * 512).every((byte) => byte === 0)).toBe(true);
  });
});

function sectorsFrom(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

/** A program that is qemu-img, but for one command. */
function qemuImgBut(when: string, instead: string): string {
  const real = execFileSync("sh", ["-c", "command -v qemu-img"], { encoding: "utf8" }).trim();
  const path = join(freshFolder(), "qemu-img");
  writeFileSync(path, `#!/bin/sh\nif ${when}; then ${instead}; fi\nexec ${real} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What a commit does that is killed when it has written the lower file's new size into its header, and nothing else. */
function growAndDie(bytes: number): string {
  const field = Buffer.alloc(8);
  field.writeBigUInt64BE(BigInt(bytes));
  const octal = [...field].map((byte) => `\\0${byte.toString(8)}`).join("");
  return `shift 6; printf '%b' '${octal}' | dd of="$1" bs=1 seek=24 conv=notrunc status=none; kill -9 $$`;
}

describe("a qemu-img that exits 0 and has committed nothing", () => {
  const idle = () => qemuImgBut('[ "$1" = commit ]', "exit 0");

  test("is found out by a layer that grew", async () => {
    const { world, uuid, model } = await onBase("qcow2", clusterSectors);
    await resized(world, { uuid, model }, "a", clusterSectors);
    await resized(world, { uuid, model }, "s", within);
    await expectFoundOut(world, { uuid, model }, "s");
  });

  test.each(["qcow2", "raw"] as const)(
    "is found out by a base image that was written to elsewhere: %s",
    async (format) => {
      const world = new World(join(freshFolder(), "world"));
      const grown = await grow(world, [null], [{ ...oneDisk[0]!, format }]);
      await writeBoth(world, grown, "vda", [3]);
      await both(world, grown.model, snapshotting(grown.uuid, "s"));
      await both(world, grown.model, deactivation("MergeSnapshot", grown.uuid, "s"));
      await expectFoundOut(world, grown, "a");
    },
  );

  test.each(["qcow2", "raw"] as const)(
    "is found out where the base image held other bytes before: %s",
    async (format) => {
      const world = new World(join(freshFolder(), "world"));
      const grown = await grow(world, [], [{ ...oneDisk[0]!, format }]);
      await writeBoth(world, grown, "vda", [0]);
      await both(world, grown.model, snapshotting(grown.uuid, "a"));
      await expectFoundOut(world, grown, "a");
    },
  );

  test("is found out where the layer below held other bytes before", async () => {
    const world = new World(join(freshFolder(), "world"));
    const grown = await grow(world, [null], oneDisk);
    await writeBoth(world, grown, "vda", [0]);
    await both(world, grown.model, snapshotting(grown.uuid, "s"));
    await expectFoundOut(world, grown, "s");
  });

  /** Nothing is unlinked, everything reads right, and the fold is done by the real one. */
  async function expectFoundOut(world: World, { uuid, model }: Grown, name: string): Promise<void> {
    const files = world.filesOf(uuid);
    const command = deactivation("MergeSnapshot", uuid, name);
    applyModel(model, command);
    const driver = qemuDriver({ program: idle() });
    await world.run(command, { driver }).catch(() => undefined);
    const { facts, message } = await refused(
      world.run({ type: "CompactDomain", domain: uuid }, { driver }),
      "COMPACTION_PENDING",
    );
    expect(facts).toMatchObject({ cause: "DRIVER_FAILED", folds: 1 });
    expect(message).toMatch(/ended well by its own word, but "[^"]+" (does not have what is at|is shorter)/);
    expect(world.filesOf(uuid)).toEqual(files);
    await expectReadable(world, uuid, model);

    await expectRecovered(world, uuid, model, "by the real one");
  }
});
