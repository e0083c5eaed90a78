import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fullDisk } from "../../src/drivers/errors.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { verifyFiles } from "../../src/commands/facts/verify-files.ts";
import type { Command } from "../../src/events/command.ts";
import { layerOf, reachable } from "../../src/projections/layers.ts";
import { deactivation, snapshotting, starting, told } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { qemuImg } from "../support/images.ts";
import { applyModel } from "../support/model.ts";
import type { Grown, Shape } from "../support/shapes.ts";
import { both, grow, placeHeads, writeBoth } from "../support/shapes.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, refused, World } from "../support/world.ts";
import { dieAt, expectRecovered } from "../support/crash-points.ts";

/** Files of ours that somebody changed behind the log: no named content becomes wrong by the log's word on them. */

async function grown(shape: Shape, heads: string | null): Promise<{ world: World } & Grown> {
  const world = new World(join(freshFolder(), "world"));
  const made = await grow(world, shape, oneDisk);
  await placeHeads(world, made, heads);
  return { world, ...made };
}

async function headOf(world: World, uuid: string): Promise<{ head: string; below: string; format: string }> {
  const { path } = await world.head(uuid, "vda");
  const state = await world.state(uuid);
  const { file } = layerOf(state, layerOf(state, state.heads["vda"]).backing ?? "");
  return { head: path, below: file.path, format: file.format };
}

async function layerFile(world: World, uuid: string, snapshot: string): Promise<string> {
  const state = await world.state(uuid);
  return layerOf(state, state.snapshots.get(state.byName.get(snapshot) ?? "")?.layers["vda"]).file.path;
}

/** The same content in a file that stands on nothing. */
async function standAlone(path: string): Promise<void> {
  await qemuImg("convert", "-f", "qcow2", "-O", "qcow2", path, `${path}.alone`);
  renameSync(`${path}.alone`, path);
}

/** What the hint says. */
async function leadBack(path: string, to: string, format: string): Promise<void> {
  await qemuImg("rebase", "-f", "qcow2", "-b", to, "-F", format, path);
}

const giveUp = /`snapledger create-with-snapshot vm SNAPSHOT --no-start --discard-changes`\.$/;
const uncommitted = () => ({
  ...qemuDriver(),
  commit: ({ into }: { into: { path: string } }) => Promise.reject(fullDisk(into.path)),
});

describe("a head that stands on nothing any more", () => {
  const keepers = (uuid: string): Command[] => [
    snapshotting(uuid, "c"),
    snapshotting(uuid, "c", { compression: "zlib" }),
    starting(uuid, "a"),
    deactivation("DeactivateSnapshot", uuid, "b"),
    deactivation("DiscardSnapshot", uuid, "b"),
    deactivation("MergeSnapshot", uuid, "b"),
    deactivation("MergeSnapshot", uuid, "b", { force: true }),
  ];

  test("is neither frozen nor left nor folded under, and goes on once it leads back", async () => {
    const { world, uuid, model } = await grown([null, 0], "b");
    await writeBoth(world, { uuid, model }, "vda", [0, 3]);
    const { head, below, format } = await headOf(world, uuid);
    await standAlone(head);
    const content = readFileSync(head);

    for (const command of keepers(uuid)) {
      const length = world.lines.length;
      const { message, facts, hint } = await refused(world.run(command), "NEEDS_OPERATOR");
      expect(message, told(command)).toContain(`${head}: its header names no backing file, not ${below} (qcow2).`);
      expect(facts["files"]).toMatchObject([{ path: head, kind: "backing", found: null, logged: { path: below } }]);
      expect(hint).toContain(`qemu-img rebase -f qcow2 -b ${below} -F qcow2 ${head}`);
      expect(hint).toMatch(giveUp);
      expect(world.types(length), told(command)).toEqual(["CommandRejected"]);
      expect(readFileSync(head).equals(content)).toBe(true);
    }

    await leadBack(head, below, format);
    await both(world, model, snapshotting(uuid, "c"));
    await both(world, model, deactivation("MergeSnapshot", uuid, "b"));
    await expectSettled(world, uuid, model);
  });

  test("may be given up", async () => {
    const { world, uuid, model } = await grown([null, 0], "b");
    await writeBoth(world, { uuid, model }, "vda", [0, 3]);
    await standAlone((await headOf(world, uuid)).head);

    await both(world, model, starting(uuid, "a", { discardChanges: true }));

    await expectSettled(world, uuid, model);
  });

  test("is told by recover, which leaves it as it is, and by a look at the files", async () => {
    const { world, uuid } = await grown([null], "a");
    const { head } = await headOf(world, uuid);
    await standAlone(head);
    const length = world.lines.length;

    const { recovered, warnings } = await world.recover(uuid);

    const message: unknown = expect.stringContaining(`${head}: its header names no backing file`);
    expect(warnings).toEqual([{ code: "NEEDS_OPERATOR", message, hint: expect.stringMatching(giveUp) as unknown }]);
    expect(recovered).toEqual([]);
    expect(world.types(length)).toEqual([]);
    const { differences } = await verifyFiles(world.driver, await world.state(uuid));
    expect(differences).toMatchObject([{ path: head, kind: "backing" }]);
  });

  test("does not start a guest, nor is a plan made for it", async () => {
    const { world, uuid } = await grown([null], "a");
    await standAlone((await headOf(world, uuid)).head);
    const start = { type: "StartDomain", domain: uuid, paused: false } as const;
    const driver = { ...qemuDriver(), supports: { ...qemuDriver().supports, guests: true } };

    await refused(world.run(start, { driver }), "NEEDS_OPERATOR");
    await refused(world.run(snapshotting(uuid, "c"), {}, { plan: true }), "NEEDS_OPERATOR");
  });
});

test("a head whose header states another format for the right file is not frozen", async () => {
  const { world, uuid } = await grown([null], "a");
  const { head, below } = await headOf(world, uuid);
  await qemuImg("rebase", "-u", "-f", "qcow2", "-b", below, "-F", "raw", head);

  const { message } = await refused(world.run(snapshotting(uuid, "b")), "NEEDS_OPERATOR");

  expect(message).toContain(`its header names ${below} (raw), not ${below} (qcow2)`);
});

test("a clean head that was put on another snapshot is not dropped as clean", async () => {
  const { world, uuid } = await grown([null, null], "a");
  const { head } = await headOf(world, uuid);
  await qemuImg("rebase", "-u", "-f", "qcow2", "-b", await layerFile(world, uuid, "b"), "-F", "qcow2", head);

  await refused(world.run(starting(uuid, "b")), "NEEDS_OPERATOR");
});

describe("a layer that stands on nothing any more", () => {
  const merging = (uuid: string, name: string) => deactivation("MergeSnapshot", uuid, name);

  test("is never put back under a fold that waits: it would read other bytes", async () => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    applyModel(model, merging(uuid, "b"));
    await world.run(merging(uuid, "b"), { driver: uncommitted() });
    const [path, below] = [await layerFile(world, uuid, "c"), await layerFile(world, uuid, "a")];
    await standAlone(path);
    const content = readFileSync(path);

    for (const command of [{ type: "RecoverDomain", domain: uuid } as const, snapshotting(uuid, "d")]) {
      const { message, facts } = await refused(world.run(command), "NEEDS_OPERATOR");
      expect(message).toContain(`${path}: its header names no backing file, not ${below} (qcow2).`);
      expect(facts["files"]).toMatchObject([{ path, found: null, logged: { path: below, format: "qcow2" } }]);
    }
    expect(readFileSync(path).equals(content)).toBe(true);
    await expectReadable(world, uuid, model);

    await leadBack(path, below, "qcow2");
    await expectRecovered(world, uuid, model, "once it leads back");
  });

  test("keeps a merge that would re-point it from being decided", async () => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    await standAlone(await layerFile(world, uuid, "c"));

    await refused(world.run(merging(uuid, "b")), "FILES_CHANGED");

    await expectReadable(world, uuid, model);
  });

  test("is not re-pointed by a fold that had been decided before", async () => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    const path = await layerFile(world, uuid, "c");
    await dieAt(world, merging(uuid, "b"), "before append FoldStarted");
    applyModel(model, merging(uuid, "b"));
    execFileSync("cp", ["-a", path, `${path}.bak`]);
    await standAlone(path);

    await refused(world.recover(uuid), "NEEDS_OPERATOR");
    await expectReadable(world, uuid, model);

    renameSync(`${path}.bak`, path);
    await expectRecovered(world, uuid, model, "once it is back");
  });

  test("is not merged", async () => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    await standAlone(await layerFile(world, uuid, "b"));

    await refused(world.run(merging(uuid, "b")), "NEEDS_OPERATOR");

    await expectReadable(world, uuid, model);
  });
});

describe.each([
  ["is no image any more", (path: string) => truncateSync(path, 0)],
  ["is gone", (path: string) => rmSync(path)],
  ["holds something else", (path: string) => writeFileSync(path, "something else")],
])("a head that %s", (_, harm) => {
  async function harmed(shape: Shape, heads: string | null) {
    const scene = await grown(shape, heads);
    const { head } = await headOf(scene.world, scene.uuid);
    harm(head);
    // Whatever it held counts as changed.
    scene.model.dirty = true;
    return { ...scene, head };
  }

  test("needs an operator before it is kept, and the refusal is recorded", async () => {
    const { world, uuid, head } = await harmed([null, 0], "b");
    for (const command of [
      snapshotting(uuid, "c"),
      starting(uuid, "a"),
      deactivation("DeactivateSnapshot", uuid, "b"),
    ]) {
      const length = world.lines.length;
      const { message, hint } = await refused(world.run(command), "NEEDS_OPERATOR");
      expect(message).toContain(head);
      expect(hint).toMatch(giveUp);
      expect(world.types(length)).toEqual(["CommandRejected"]);
    }
  });

  test.each([
    ["by a start from a snapshot", (uuid: string) => starting(uuid, "a", { discardChanges: true })],
    ["by a deactivation", (uuid: string) => deactivation("DeactivateSnapshot", uuid, "b", { discardChanges: true })],
    ["by a forced discard", (uuid: string) => deactivation("DiscardSnapshot", uuid, "b", { force: true })],
    ["by a forced merge that moves it", (uuid: string) => deactivation("MergeSnapshot", uuid, "c", { force: true })],
  ])("may be given up %s", async (_how, command) => {
    const { world, uuid, model } = await harmed([null, 0, 1], "b");
    await both(world, model, command(uuid));
    await expectSettled(world, uuid, model);
  });

  test.each(["discard-all", "keep-files"] as const)("keeps nobody from undefining with %s", async (keep) => {
    const { world, uuid } = await harmed([null], "a");
    await world.run({ type: "UndefineDomain", domain: uuid, keep });
    expect((await world.state(uuid)).defined).toBe(false);
  });

  test("stops no fold that does not need it, and those that do only until it is given up", async () => {
    const { world, uuid, model } = await grown([null, 0, 1], "c");
    const merging = (name: string) => deactivation("MergeSnapshot", uuid, name);
    for (const name of ["b", "c"]) {
      applyModel(model, merging(name));
      await world.run(merging(name), { driver: uncommitted() });
    }
    harm((await headOf(world, uuid)).head);
    model.dirty = true;

    expect(await world.recover(uuid)).toMatchObject({ foldsPending: 1 });
    await both(world, model, starting(uuid, "a", { discardChanges: true }));

    await expectSettled(world, uuid, model);
    expect(reachable(await world.state(uuid)).size).toBe(3);
  });

  test("is told by recover", async () => {
    const { world, uuid, head } = await harmed([null], "a");
    const message: unknown = expect.stringContaining(head);
    expect(await world.recover(uuid)).toMatchObject({ recovered: [], warnings: [{ code: "NEEDS_OPERATOR", message }] });
  });
});

test("a merge into a base image that is no image any more is refused, and that is recorded", async () => {
  const { world, uuid, model } = await grown([null], "a");
  writeFileSync(world.base("vm", { target: "vda", format: "qcow2" }), "something else");
  const length = world.lines.length;

  const { position } = await refused(world.run(deactivation("MergeSnapshot", uuid, "a")), "IMAGE_INVALID");

  expect(world.types(length)).toEqual(["CommandRejected"]);
  expect(position).toBe(world.lines.length);
  expect([...model.snapshots.keys()]).toEqual([...(await world.state(uuid)).byName.keys()]);
});
