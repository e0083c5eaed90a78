import { execFileSync } from "node:child_process";
import { copyFileSync, linkSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import { fuse } from "../support/faults.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import type { UndefineDomain } from "../../src/events/command.ts";
import { isSnapledgerError, SnapledgerError } from "../../src/errors.ts";
import { deactivation, snapshotting } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { digest, holdOpen, makeQcow2, readAll } from "../support/images.ts";
import { applyModel, copyOf, newModel, sectorBytes } from "../support/model.ts";
import type { Grown } from "../support/shapes.ts";
import { both, grow, placeHeads, writeBoth } from "../support/shapes.ts";
import { Template } from "../support/world-template.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { baseSectors, oneDisk, refused, twoDisks, World } from "../support/world.ts";
import type { DiskOf, Manager } from "../support/world.ts";
import { boundaries, dieAt, expectRecovered } from "../support/crash-points.ts";

/** A base image is rewritten by its sole user alone, and nobody comes to stand on it meanwhile. */

const merging = (uuid: string, name: string) => deactivation("MergeSnapshot", uuid, name);
const undefining = (domain: string, keep: UndefineDomain["keep"]): UndefineDomain => ({
  type: "UndefineDomain",
  domain,
  keep,
});

/** qemu-img while somebody holds whatever is to be folded into. */
function readBySomebody(): Driver {
  return { ...qemuDriver(), commit: () => Promise.reject(new SnapledgerError("IMAGE_LOCKED", "Somebody reads it.")) };
}

async function withRoot(disks: readonly DiskOf[] = oneDisk): Promise<{ world: World; path: string } & Grown> {
  const world = new World(join(freshFolder(), "world"));
  const made = await grow(world, [null], disks);
  await placeHeads(world, made, "a");
  return { world, path: world.base("vm", oneDisk[0]!), ...made };
}

test("another domain on the same base by the same path, or a hard link, keeps it from being rewritten", async () => {
  const { world, uuid, model, path } = await withRoot(twoDisks);
  const link = join(world.folder, "link.qcow2");
  linkSync(path, link);
  for (const shared of [path, link]) {
    const other = await world.defineOn("other", [{ target: "sda", path: shared, format: "qcow2" }]);
    await refused(world.run(merging(uuid, "a")), "BASE_IMAGE_SHARED");
    await expectSettled(world, uuid, model);
    await world.run(undefining(other, "refuse"));
  }

  await both(world, model, merging(uuid, "a"));

  await expectSettled(world, uuid, model);
});

test("an image that is backed by the base keeps it from being rewritten, and may itself be", async () => {
  const { world, uuid, model, path } = await withRoot();
  const upper = await makeQcow2(join(world.folder, "upper.qcow2"), 16 * sectorBytes, { path, format: "qcow2" });
  const before = await digest(upper, "qcow2");
  const other = await world.defineOn("other", [{ target: "sda", path: upper, format: "qcow2" }]);

  await refused(world.run(merging(uuid, "a")), "BASE_IMAGE_SHARED");

  await expectSettled(world, uuid, model);
  expect(await digest(upper, "qcow2")).toBe(before);
  await world.run(snapshotting(other, "b"));
  await world.run(merging(other, "b"));
  expect(await digest(upper, "qcow2")).toBe(before);
  await expectSettled(world, uuid, model);
});

test.each(["path", "hard link", "backing file"])(
  "two disks of one domain on one base, by %s, are two users",
  async (how) => {
    const world = new World(join(freshFolder(), "world"));
    const folder = freshFolder();
    const path = await makeQcow2(join(folder, "base.qcow2"), 16 * sectorBytes);
    const second = how === "path" ? path : join(folder, "second.qcow2");
    if (how === "hard link") linkSync(path, second);
    if (how === "backing file") await makeQcow2(second, 16 * sectorBytes, { path, format: "qcow2" });
    const uuid = await world.defineOn("vm", [
      { target: "vda", path, format: "qcow2" },
      { target: "vdb", path: second, format: "qcow2" },
    ]);
    await world.write(uuid, "vda", [0], 7);
    await world.create(uuid, "a");
    const before = await digest(path, "qcow2");

    await refused(world.merge(uuid, "a"), "BASE_IMAGE_SHARED");

    expect(await digest(path, "qcow2")).toBe(before);
  },
);

test("files that undefine left on disk still stand on their base", async () => {
  const { world, uuid, model, path } = await withRoot();
  const other = await world.defineOn("other", [{ target: "sda", path, format: "qcow2" }]);
  await world.run(undefining(other, "keep-files"));

  await refused(world.run(merging(uuid, "a")), "BASE_IMAGE_SHARED");

  await expectSettled(world, uuid, model);
});

describe("files that undefine left on disk", () => {
  async function withLeft() {
    const scene = await withRoot();
    const { world, path } = scene;
    const other = await world.defineOn("other", [{ target: "sda", path, format: "qcow2" }]);
    await world.run(snapshotting(other, "b"));
    await world.run(undefining(other, "keep-files"));
    return { ...scene, other, left: world.filesOf(other) };
  }

  test("stand on their base until the last of them is removed", async () => {
    const { world, uuid, model, other, left } = await withLeft();
    for (const path of left) {
      const { message } = await refused(world.run(merging(uuid, "a")), "BASE_IMAGE_SHARED");
      expect(message).toContain(`also used by other sda (files that undefine left, such as ${world.folder}`);
      rmSync(path);
    }
    // The folder, too, may be gone.
    rmSync(join(world.layersRoot, other), { recursive: true });

    await both(world, model, merging(uuid, "a"));

    await expectSettled(world, uuid, model);
  });

  test("stand on it while the disk that they are on is not mounted, or cannot be looked at", async () => {
    const { world, uuid, model, other } = await withLeft();
    const folder = join(world.layersRoot, other);
    const real = qemuDriver();
    const away = (identify: Driver["identify"]): Driver => ({
      ...real,
      identify: (path) => (path.startsWith(folder) ? identify(path) : real.identify(path)),
    });
    const unmounted = away((path) => Promise.resolve(path === folder ? { device: "0", inode: "2" } : undefined));
    const unseen = away(() => Promise.reject(new Error("EACCES")));
    for (const driver of [unmounted, unseen])
      await refused(world.run(merging(uuid, "a"), { driver }), "BASE_IMAGE_SHARED");
    await expectSettled(world, uuid, model);
  });

  test("of an earlier life of the same domain count no longer than they are there", async () => {
    const { world, uuid, path } = await withRoot();
    const left = world.filesOf(uuid);
    await world.run(undefining(uuid, "keep-files"));
    await world.run({ ...world.defining("vm", [{ target: "vda", path, format: "qcow2" }]), uuid });
    await world.run(snapshotting(uuid, "a"));
    await refused(world.run(merging(uuid, "a")), "BASE_IMAGE_SHARED");

    for (const file of left) rmSync(file);

    expect(await world.run(merging(uuid, "a"))).toMatchObject({ foldsPending: 0 });
  });

  test("are not taken over by a definition, and forgotten once their inode is another image's", async () => {
    const { world, left } = await withLeft();
    const [frozen, head] = left;
    const again = { path: head!, target: "vda", format: "qcow2" } as const;
    const { message } = await refused(world.run(world.defining("new", [again])), "IMAGE_IN_USE");
    expect(message).toBe(`${head} is a file that undefine left, of domain "other".`);

    // Frozen first: an image that has its inode, and stands on the base alone.
    const image = join(world.folder, "image.qcow2");
    linkSync(frozen!, image);
    for (const path of left) rmSync(path);
    await world.run(world.defining("new", [{ ...again, path: image }]));
  });
});

test("a base that was replaced by another file, however alike, keeps a merge from being decided", async () => {
  const { world, uuid, model, path } = await withRoot();
  const aside = `${path}.aside`;
  renameSync(path, aside);
  copyFileSync(aside, path);
  await refused(world.run(merging(uuid, "a")), "FILES_CHANGED");
  await expectSettled(world, uuid, model);
  renameSync(aside, path);

  await both(world, model, merging(uuid, "a"));

  await expectSettled(world, uuid, model);
});

test("a base that was replaced by another file after the merge was decided is never folded into", async () => {
  const { world, uuid, model, path } = await withRoot();
  await dieAt(world, merging(uuid, "a"), "before append FoldStarted");
  applyModel(model, merging(uuid, "a"));
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  renameSync(copy, path);
  const before = await digest(path, "qcow2");

  expect(await world.recover(uuid)).toMatchObject({ foldsPending: 1 });

  expect(await digest(path, "qcow2")).toBe(before);
  await expectReadable(world, uuid, model);
});

test("a merge into the base that is asked for again by its id is no success before the file holds what was merged", async () => {
  const world = new World(join(freshFolder(), "world"));
  const { uuid, model } = await grow(world, [null, 0], oneDisk);
  await placeHeads(world, { uuid, model }, "b");
  const path = world.base("vm", oneDisk[0]!);
  const blocked = { driver: readBySomebody() };
  const first = (manager: Manager = {}) => world.run(merging(uuid, "a"), manager, { commandId: "first" });
  const pending = (repeated: boolean) => ({
    ...{ code: "COMPACTION_PENDING", message: expect.stringContaining("Somebody reads it.") as string },
    facts: { outcome: { repeated, foldsPending: 1 } },
  });
  const before = await digest(path, "qcow2");

  await expect(first(blocked)).rejects.toMatchObject(pending(false));
  const length = world.lines.length;
  expect(world.types().slice(-2)).toEqual(["SnapshotMerged", "FoldStarted"]);
  const again = await first(blocked).catch((error: unknown) => error);
  expect(again).toMatchObject(pending(true));
  expect((again as SnapledgerError).position).toBe(length - 1);
  expect([await digest(path, "qcow2"), world.lines.length]).toEqual([before, length]);

  applyModel(model, merging(uuid, "a"));
  expect(await first()).toMatchObject({ repeated: true, foldsPending: 0, warnings: [{ code: "RECOVERED" }] });
  await expectSettled(world, uuid, model);
  expect(await first()).toMatchObject({ repeated: true, foldsPending: 0, warnings: [] });

  applyModel(model, merging(uuid, "b"));
  await refused(world.run(merging(uuid, "b"), blocked, { commandId: "second" }), "COMPACTION_PENDING");
  const waits = [{ code: "RECOVERED" }, { code: "COMPACTION_PENDING" }];
  expect(await first(blocked)).toMatchObject({ repeated: true, foldsPending: 1, warnings: waits });
  await expectRecovered(world, uuid, model, "let go");
});

test("a merge into a snapshot that is asked for again by its id says what still waits", async () => {
  const world = new World(join(freshFolder(), "world"));
  const { uuid, model } = await grow(world, [null, 0], oneDisk);
  await placeHeads(world, { uuid, model }, "b");
  const blocked = { driver: readBySomebody() };
  const asked = () => world.run(merging(uuid, "b"), blocked, { commandId: "once" });

  expect(await asked()).toMatchObject({ repeated: false, warnings: [{ code: "COMPACTION_PENDING" }] });

  const waits = [{ code: "RECOVERED" }, { code: "COMPACTION_PENDING" }];
  expect(await asked()).toMatchObject({ repeated: true, warnings: waits });
});

test("while a merge into the base is under way, at every step of it, nobody is defined on the base", async () => {
  const { world, uuid, model, path } = await withRoot();
  const other = { target: "sda", path, format: "qcow2" } as const;
  let tried = 0;
  const meanwhile = betweenSteps(async () => {
    tried++;
    await expect(world.defineOn("other", [other])).rejects.toMatchObject({ code: "BASE_PENDING" });
  });

  applyModel(model, merging(uuid, "a"));
  await world.run(merging(uuid, "a"), { driver: meanwhile });

  expect(tried).toBe(3);
  await expectSettled(world, uuid, model);
});

test("while somebody is being defined on the base, at every step of it, no merge rewrites it", async () => {
  const { world, uuid, model, path } = await withRoot();
  let tried = 0;
  const meanwhile = betweenSteps(async () => {
    tried++;
    await refused(world.run(merging(uuid, "a")), "BASE_IMAGE_SHARED");
  });
  const command = { target: "sda", path, format: "qcow2" } as const;

  await world.defineOn("other", [command], { driver: meanwhile });

  expect(tried).toBeGreaterThan(0);
  await expectSettled(world, uuid, model);
});

test("a definition and a merge decided on the same log: one of them is decided again", async () => {
  const { world, uuid, path } = await withRoot();
  const outcomes = await Promise.allSettled([
    world.run(merging(uuid, "a")),
    world.defineOn("other", [{ target: "sda", path, format: "qcow2" }]),
  ]);
  const codes = outcomes.map((one) =>
    one.status === "rejected" && isSnapledgerError(one.reason) ? one.reason.code : null,
  );

  expect([
    ["BASE_IMAGE_SHARED", null],
    [null, "BASE_PENDING"],
  ]).toContainEqual(codes);
});

test("a definition that comes between a merge's facts and its intent: the merge is decided again", async () => {
  const { world, uuid, model, path } = await withRoot();
  const driver = qemuDriver();
  let other: Promise<string> | undefined;
  const meanwhile: Driver = {
    ...driver,
    identify: async (base) => {
      await (other ??= world.defineOn("other", [{ target: "sda", path, format: "qcow2" }]));
      return driver.identify(base);
    },
  };

  await refused(world.run(merging(uuid, "a"), { driver: meanwhile }), "BASE_IMAGE_SHARED");

  expect(other).toBeDefined();
  await expectSettled(world, uuid, model);
});

/** qemu-img, with something else going on before each thing that it does. */
function betweenSteps(work: () => Promise<void>): Driver {
  const driver = qemuDriver();
  return {
    ...driver,
    makeOverlay: async (step) => (await work(), driver.makeOverlay(step)),
    commit: async (step, watch) => (await work(), driver.commit(step, watch)),
    repoint: async (file, backing) => (await work(), driver.repoint(file, backing)),
    repairLeaks: async (file) => (await work(), driver.repairLeaks(file)),
    shrink: async (file, bytes) => (await work(), driver.shrink(file, bytes)),
  };
}

test("a domain whose merge waits cannot be undefined but with all its files", async () => {
  const { world, uuid, model, path } = await withRoot();
  await dieAt(world, merging(uuid, "a"), "before commit");
  applyModel(model, merging(uuid, "a"));
  const held = await holdOpen(path, "qcow2");
  try {
    for (const keep of ["refuse", "discard-all"] as const) {
      await refused(world.run(undefining(uuid, keep)), "COMPACTION_UNFINISHED");
    }
    await expectReadable(world, uuid, model);
  } finally {
    await held.release();
  }

  await expectRecovered(world, uuid, model, "let go");
});

/** A base whose fold can't go on: what was merged is in the layer that the warning names. */
async function expectKept(world: World, uuid: string, model: Grown["model"]): Promise<void> {
  const files = world.filesOf(uuid);

  const { warnings, kept, removed } = await world.run(undefining(uuid, "keep-files"));

  expect([removed, world.filesOf(uuid), kept.toSorted()]).toEqual([[], files, files]);
  const [, layer = ""] = / all of it is in (\S+)\.$/.exec(warnings.at(-1)?.message ?? "") ?? [];
  const bytes = await readAll(layer, "qcow2");
  const sectors = model.base["vda"]?.map((_, n) => bytes[n * sectorBytes]);
  expect(sectors).toEqual(model.base["vda"]);
}

test("with all its files it can be, at whatever step the merge into the base died, and what was merged is in one", async () => {
  const { world, uuid, model, path } = await withRoot();
  const template = new Template(world, model);
  const points = fuse();
  await world.run(merging(uuid, "a"), { fuse: points });
  applyModel(model, merging(uuid, "a"));
  let waited = 0;
  for (const at of boundaries(points.points)) {
    template.restore();
    await expect(world.run(merging(uuid, "a"), { fuse: fuse(at) })).rejects.toThrow("crashed");
    if (!world.types().includes("SnapshotMerged") || world.types().includes("LayersCompacted")) continue;
    waited++;
    const held = await holdOpen(path, "qcow2");
    try {
      await expectKept(world, uuid, model);
      const base = { target: "vda", path, format: "qcow2" } as const;
      await expect(world.defineOn("next", [base])).rejects.toMatchObject({ code: "BASE_PENDING" });
    } finally {
      await held.release();
    }
  }
  expect(waited).toBeGreaterThan(2);
  template.drop();
});

test("with all its files it can be when another file is in the base's place, or a layer is gone", async () => {
  const { world, uuid, model, path } = await withRoot();
  await dieAt(world, merging(uuid, "a"), "before append FoldStarted");
  applyModel(model, merging(uuid, "a"));
  const template = new Template(world, model);
  copyFileSync(path, `${path}.copy`);
  renameSync(`${path}.copy`, path);
  const pending = await refused(world.run({ type: "CompactDomain", domain: uuid }), "COMPACTION_PENDING");
  expect([pending.message, pending.hint]).toEqual([
    expect.stringMatching(/ has time of change \S+Z, not \S+Z\.$/),
    expect.stringMatching(
      /^Put back what was there from a backup, .* touch -d @\d+\.\d{9} .* `snapledger compact vm`\.$/,
    ),
  ]);
  const { hint } = await refused(world.run(undefining(uuid, "discard-all")), "COMPACTION_UNFINISHED");
  expect(hint).toMatch(/--keep-files/);
  await expectKept(world, uuid, model);

  template.restore();
  const { baseRoles, layers } = await world.state(uuid);
  const layer = layers.get(baseRoles["vda"] ?? "")?.file.path ?? "";
  renameSync(layer, `${layer}.aside`);
  await refused(world.run(undefining(uuid, "discard-all")), "NEEDS_OPERATOR");
  await world.run(undefining(uuid, "keep-files"));
  expect((await world.state(uuid)).defined).toBe(false);
  template.drop();
});

/** The base image as a backup holds it, in the place of the one that the log knows. */
function putBack(path: string): void {
  execFileSync("cp", ["-a", path, `${path}.bak`]);
  renameSync(`${path}.bak`, path);
}

test("a base that was put back by 'cp -a' is merged into, and wherever that dies, recovery ends it", async () => {
  const { world, uuid, model, path } = await withRoot();
  const logged = statSync(path, { bigint: true });
  const template = new Template(world, model);
  putBack(path);
  expect(statSync(path).ino).not.toBe(Number(logged.ino));
  const points = fuse();
  await world.run(merging(uuid, "a"), { fuse: points });
  const merged = copyOf(model);
  applyModel(merged, merging(uuid, "a"));
  await expectSettled(world, uuid, merged);
  for (const at of boundaries(points.points)) {
    template.restore();
    execFileSync("touch", ["-d", `@${logged.mtimeNs / 10n ** 9n}.${String(logged.mtimeNs).slice(-9)}`, path]);
    putBack(path);
    await expect(world.run(merging(uuid, "a"), { fuse: fuse(at) })).rejects.toThrow("crashed");
    const done = world.types().includes("SnapshotMerged");
    await expectRecovered(world, uuid, done ? merged : model, points.points[at - 1] ?? "");
  }
  template.drop();
});

test("a base that was put back while a merge into it waited is folded into", async () => {
  const { world, uuid, model, path } = await withRoot();
  await dieAt(world, merging(uuid, "a"), "before commit");
  applyModel(model, merging(uuid, "a"));
  putBack(path);
  const other = world.defineOn("other", [{ target: "sda", path, format: "qcow2" }]);
  await expect(other).rejects.toMatchObject({ code: "BASE_PENDING" });

  await expectRecovered(world, uuid, model, "put back");
});

test("a merge into the base that died at any step is ended by undefine, and the base holds it", async () => {
  const { world, uuid, model } = await withRoot();
  const template = new Template(world, model);
  const points = fuse();
  await world.run(merging(uuid, "a"), { fuse: points });
  const merged = copyOf(model);
  applyModel(merged, merging(uuid, "a"));
  for (const at of boundaries(points.points)) {
    template.restore();
    await expect(world.run(merging(uuid, "a"), { fuse: fuse(at) })).rejects.toThrow("crashed");
    const done = world.types().includes("SnapshotMerged");
    await world.run(undefining(uuid, "discard-all"));
    expect(world.filesOf(uuid), points.points[at - 1]).toEqual([]);
    // Whoever is defined on the base now sees what it holds.
    const next = await world.defineOn("next", [
      { target: "vda", path: world.base("vm", oneDisk[0]!), format: "qcow2" },
    ]);
    await expectSettled(world, next, newModel(done ? merged.base : model.base), points.points[at - 1]);
  }
  template.drop();
});

test("a definition that died at any step leaves nothing, or a domain", async () => {
  const world = new World(join(freshFolder(), "world"));
  const first = await world.define("vm", oneDisk);
  const command = world.defining("vm", [{ target: "vda", path: world.base("vm", oneDisk[0]!), format: "qcow2" }]);
  await world.run(undefining(first, "refuse"));
  const model = newModel({ vda: baseSectors(16) });
  const template = new Template(world, model);
  const points = fuse();
  await world.run(command, { fuse: points });
  for (const at of boundaries(points.points)) {
    template.restore();
    await expect(world.run(command, { fuse: fuse(at) })).rejects.toThrow("crashed");
    const begun = world.types().includes("OperationStarted") && world.records().at(-1)?.domain === command.uuid;
    if (begun) await world.recover(command.uuid);
    const { defined } = await world.state(command.uuid);
    if (!defined) await world.run(command);
    await expectSettled(world, command.uuid, model, points.points[at - 1]);
  }
  template.drop();
});

test("undefine that died at any step is finished or undone, and the base is as it was", async () => {
  const { world, uuid, model, path } = await withRoot();
  await writeBoth(world, { uuid, model }, "vda", [4]);
  const before = await digest(path, "qcow2");
  const template = new Template(world, model);
  const points = fuse();
  await world.run(undefining(uuid, "discard-all"), { fuse: points });
  for (const at of boundaries(points.points)) {
    template.restore();
    await expect(world.run(undefining(uuid, "discard-all"), { fuse: fuse(at) })).rejects.toThrow("crashed");
    await world.recover(uuid);
    const { defined } = await world.state(uuid);
    if (defined) await expectSettled(world, uuid, model, points.points[at - 1]);
    else expect(world.filesOf(uuid), points.points[at - 1]).toEqual([]);
    const length = world.lines.length;
    await world.recover(uuid);
    expect(world.types(length)).toEqual([]);
    expect(await digest(path, "qcow2")).toBe(before);
  }
  template.drop();
});
