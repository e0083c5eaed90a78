import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { depthOf, layersOf, pendingFolds } from "../../src/projections/layers.ts";
import { snapshotOf } from "../../src/projections/tree.ts";
import { loseRefcount, markDirty } from "../support/unfit-images.ts";
import { freshFolder } from "../support/folders.ts";
import { KiB, MiB, qemuImg, readAll, writePattern } from "../support/images.ts";
import { refused } from "../support/world.ts";
import type { Counting } from "../support/counter.ts";
import { counting } from "../support/counter.ts";

/** Folds under a guest that runs, of files that are larger than they should be, or not fit, or not there after all. */

async function resize(guest: Counting, target: string, bytes: number): Promise<void> {
  const { path } = await guest.world.head(guest.uuid, target);
  await qemuImg("resize", "-q", "--shrink", "-f", "qcow2", path, String(bytes));
}

async function fileOf(guest: Counting, name: string, target: string): Promise<string> {
  const state = await guest.world.state(guest.uuid);
  const layers = layersOf(state, snapshotOf(state, state.byName.get(name) ?? ""));
  return layers.find((layer) => layer.target === target)?.file.path ?? "";
}

async function depths(guest: Counting): Promise<number[]> {
  const state = await guest.world.state(guest.uuid);
  return state.disks.map((target) => depthOf(state, state.heads[target] ?? ""));
}

const compact = (guest: Counting) => guest.world.run({ type: "CompactDomain", domain: guest.uuid });

test("a fold that has to cut what the guest reads waits, is told of, and lets all that follow be done", async () => {
  const guest = await counting();
  await resize(guest, "vda", 5 * MiB);
  await guest.create("kept", { offline: true });
  await resize(guest, "vda", 4 * MiB);
  await guest.create("cut", { offline: true });
  await guest.boot();
  await guest.counts(3);

  const outcome = await guest.world.run(guest.merging("cut"));

  expect(outcome).toMatchObject({ foldsPending: 1 });
  expect(outcome.warnings).toContainEqual(
    expect.objectContaining({ message: expect.stringMatching(/wait/) as unknown }),
  );
  for (let n = 0; n < 6; n++) {
    await guest.create(`s${n}`, { diskOnly: true });
    const highest = await guest.highestOf(`s${n}`);
    expect(await guest.world.run(guest.merging(`s${n}`)), `round ${n}`).toMatchObject({ foldsPending: 1 });
    expect(await guest.highestOf("kept"), `round ${n}`).toBe(highest);
    expect(await depths(guest), `round ${n}`).toEqual([3, 2]);
    await guest.counts(3);
  }
  expect(pendingFolds(await guest.world.state(guest.uuid))).toMatchObject([{ waits: "guest" }]);
  await guest.suspend();
  await guest.expectOneInstant();

  const kept = await readAll(await fileOf(guest, "kept", "vda"), "qcow2");
  await guest.destroy();
  await compact(guest);
  expect(await depths(guest)).toEqual([2, 2]);
  expect((await readAll(await fileOf(guest, "kept", "vda"), "qcow2")).equals(kept)).toBe(true);
});

test("a fold that would show what a file was cut by waits for the guest to stop, and reads right then", async () => {
  const guest = await counting();
  const end = 4 * MiB + 4 * KiB;
  await resize(guest, "vdb", 5 * MiB);
  await writePattern((await guest.world.head(guest.uuid, "vdb")).path, "qcow2", 4 * MiB, 128 * KiB, 99);
  await resize(guest, "vdb", end);
  await guest.create("cut", { offline: true });
  await resize(guest, "vdb", 5 * MiB);
  await guest.create("grown", { offline: true });
  await guest.boot();
  await guest.counts(3);
  const before = await readAll(await fileOf(guest, "grown", "vdb"), "qcow2");
  expect(before.subarray(end).every((byte) => byte === 0)).toBe(true);

  expect(await guest.world.run(guest.merging("grown"))).toMatchObject({ foldsPending: 1 });

  const { foldsPending, warnings } = await compact(guest);
  expect([foldsPending, warnings.map(({ message }) => message)]).toEqual([
    1,
    [expect.stringContaining("its running guest reads it")],
  ]);
  await guest.counts(3);
  await guest.destroy();
  await compact(guest);
  const after = await readAll(await fileOf(guest, "cut", "vdb"), "qcow2");
  expect(after.equals(before), "what was merged is what is read").toBe(true);
});

test.each([
  ["is marked dirty", markDirty],
  ["has lost a reference count", loseRefcount],
])("a layer that %s is not merged into under the guest", async (_, harm) => {
  const guest = await counting();
  await guest.boot();
  await guest.counts(3);
  await guest.create("a", { diskOnly: true });
  await guest.counts(3);
  await guest.create("b", { diskOnly: true });
  const path = await fileOf(guest, "a", "vda");
  const backup = join(freshFolder(), "backup");
  execFileSync("cp", ["-a", path, backup]);
  harm(path);
  const length = guest.world.lines.length;

  await refused(guest.merge("b"), "IMAGE_INVALID");

  expect(guest.world.types(length)).toEqual(["CommandRejected"]);
  execFileSync("cp", ["-a", backup, path]);
  const highest = await guest.highestOf("b");
  expect(await guest.world.run(guest.merging("b"))).toMatchObject({ foldsPending: 0 });
  expect(await guest.highestOf("a")).toBe(highest);
  await guest.suspend();
  await guest.expectOneInstant();
});

test("a layer that was written to behind the log is not merged into under the guest", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts(3);
  await guest.create("a", { diskOnly: true });
  await guest.create("b", { diskOnly: true });
  execFileSync("touch", [await fileOf(guest, "a", "vda")]);

  await refused(guest.merge("b"), "FILES_CHANGED");

  expect(guest.world.records().at(-1)).toMatchObject({ type: "CommandRejected", data: { code: "FILES_CHANGED" } });
});

test("a QEMU that says it has folded and has not is found out, and nothing is unlinked", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts(3);
  await guest.create("a", { diskOnly: true });
  await guest.counts(3);
  await guest.create("b", { diskOnly: true });
  const highest = await guest.highestOf("b");
  const files = guest.world.filesOf(guest.uuid);
  const idle = { ...guest.world.driver, commitLive: () => Promise.resolve() };

  expect(await guest.world.run(guest.merging("b"), { driver: idle })).toMatchObject({ foldsPending: 2 });

  const { facts } = await refused(
    guest.world.run({ type: "CompactDomain", domain: guest.uuid }, { driver: idle }),
    "COMPACTION_PENDING",
  );
  expect(facts).toMatchObject({ cause: "DRIVER_FAILED" });
  expect(guest.world.filesOf(guest.uuid)).toEqual(files);
  expect(await guest.highestOf("a")).toBe(highest);
  await compact(guest);
  expect(await guest.highestOf("a")).toBe(highest);
  await guest.suspend();
  await guest.expectOneInstant();
});
