import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import { fullDisk, lockedImage } from "../../src/drivers/errors.ts";
import type { DriverMethod } from "../support/faults.ts";
import { withFaults } from "../support/faults.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { pendingFolds } from "../../src/projections/layers.ts";
import { deactivation, snapshotting, starting } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import type { Model } from "../support/model.ts";
import { applyModel, copyOf } from "../support/model.ts";
import type { Grown } from "../support/shapes.ts";
import { both, grow, placeHeads, writeBoth } from "../support/shapes.ts";
import { withSlowCommit } from "../support/fake-qemu-img.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, World } from "../support/world.ts";
import { expectRecovered } from "../support/crash-points.ts";

/** Faults that nobody foresaw: a bug of ours, in the middle of a command. Nothing may catch it and go on. */

async function withTree(): Promise<{ world: World } & Grown> {
  const world = new World(join(freshFolder(), "world"));
  const grown = await grow(world, [null, 0], oneDisk);
  await placeHeads(world, grown, "a");
  return { world, ...grown };
}

const fault = new TypeError("Cannot read properties of undefined (reading 'path')");

const withBug = (method: DriverMethod, call = 1, afterwards = false): Driver =>
  withFaults(qemuDriver(), { faults: [{ method, call, error: fault, afterwards }] });

/** Clean heads on a, which b goes into: heads are made, the merge is decided, files are removed, one fold is done. */
const merging = (uuid: string) => deactivation("MergeSnapshot", uuid, "b");

/** What the fault left is read, then settled by somebody else's command, which does what it is asked to, too. */
async function expectNextSettles(world: World, uuid: string, model: Model, what: string): Promise<void> {
  await expectReadable(world, uuid, model, what);
  await both(world, model, snapshotting(uuid, "next"));
  await expectSettled(world, uuid, model, what);
}

describe("a bug in a step before the event", () => {
  const steps: readonly (readonly [DriverMethod, boolean])[] = [
    ["freeBytes", false],
    ["prepareFolder", false],
    ["makeOverlay", false],
    ["makeOverlay", true],
  ];

  test.each(steps)(
    "%s (after it was done: %s) is passed on as it is, and the intent stays open",
    async (method, after) => {
      const { world, uuid, model } = await withTree();
      const length = world.lines.length;
      // The first look at the free space is one of the facts, before the intent.
      const driver = withBug(method, method === "freeBytes" ? 2 : 1, after);

      await expect(world.run(merging(uuid), { driver })).rejects.toBe(fault);

      expect(world.types(length), "no outcome is made up for what is not understood").toEqual(["OperationStarted"]);
      expect((await world.state(uuid)).operation).toMatchObject({ command: { type: "MergeSnapshot", snapshot: "b" } });
      await expectNextSettles(world, uuid, model, `${method} ${after}`);
      expect(world.types(length).slice(1, 2)).toEqual(["OperationFailed"]);
      expect(world.records()[length + 1]?.data).toMatchObject({ found: true, code: "INTERRUPTED" });
    },
  );
});

describe("a bug in a step after the event", () => {
  test.each(["remove", "commit", "repoint", "repairLeaks"] as const)(
    "%s is passed on as it is; the merge stands, and the next command goes on with it",
    async (method) => {
      const { world, uuid, model } = await withTree();
      const merged = copyOf(model);
      applyModel(merged, merging(uuid));
      const length = world.lines.length;

      await expect(world.run(merging(uuid), { driver: withBug(method) })).rejects.toBe(fault);

      expect(world.types(length).slice(0, 2)).toEqual(["OperationStarted", "SnapshotMerged"]);
      await expectNextSettles(world, uuid, merged, method);
    },
  );
});

describe("a bug in what is looked at, or in a rule", () => {
  const looking = ["observe", "guestState", "probeLock"] as const;

  test.each(looking)("%s is passed on as it is before anything is begun", async (method) => {
    const { world, uuid, model } = await withTree();
    const length = world.lines.length;

    await expect(world.run(merging(uuid), { driver: withBug(method) })).rejects.toBe(fault);

    expect(world.types(length)).toEqual([]);
    await expectSettled(world, uuid, model, method);
  });

  test("is no refusal: nothing is recorded, and nothing is begun", async () => {
    const { world, uuid, model } = await withTree();
    const length = world.lines.length;
    const driver = { ...qemuDriver(), supports: brokenSupports() };

    await expect(world.run(starting(uuid, "b", { start: true }), { driver })).rejects.toBe(fault);

    expect(world.types(length)).toEqual([]);
    await expectSettled(world, uuid, model);
    await both(world, model, starting(uuid, "b"));
    await expectSettled(world, uuid, model);
  });

  test("met again by recovery stops that too, and the intent is still open for the next", async () => {
    const { world, uuid, model } = await withTree();
    await writeBoth(world, { uuid, model }, "vda", [3]);
    const making = withBug("makeOverlay", 1, true);
    await expect(world.run(starting(uuid, "b"), { driver: making })).rejects.toBe(fault);

    await expect(world.run(starting(uuid, "b"), { driver: withBug("remove") })).rejects.toBe(fault);

    await expectReadable(world, uuid, model);
    await expectRecovered(world, uuid, model, "with a driver that works");
  });
});

describe("a step that fails and cannot be undone now", () => {
  const full = fullDisk("/layers");

  test.each([
    ["is told of as itself", lockedImage("/layers/new"), full],
    ["is not, where undoing meets a bug", fault, fault],
  ])("%s, and undone by the next command", async (_, undoing, told) => {
    const { world, uuid, model } = await withTree();
    const length = world.lines.length;
    const driver = withFaults(qemuDriver(), {
      faults: [
        { method: "makeOverlay", call: 1, error: full, afterwards: true },
        { method: "remove", call: 1, error: undoing },
      ],
    });

    await expect(world.run(merging(uuid), { driver })).rejects.toBe(told);

    expect(world.types(length)).toEqual(["OperationStarted"]);
    await expectNextSettles(world, uuid, model, "not undone");
  });
});

/** A rule that asks whether guests can be run meets the bug. */
function brokenSupports(): Driver["supports"] {
  return {
    get guests(): boolean {
      throw fault;
    },
    ...{ memory: false, compression: [] },
  };
}

test("a merge that is given up in the middle of its fold stands, and is gone on with", async () => {
  const { world, uuid, model } = await withTree();
  const slow = qemuDriver({ program: withSlowCommit(freshFolder()) });
  applyModel(model, merging(uuid));
  const controller = new AbortController();
  const steps: string[] = [];
  const onProgress = ({ step }: { step: string }) => {
    steps.push(step);
    controller.abort();
  };

  const work = world.run(merging(uuid), { driver: slow }, { signal: controller.signal, onProgress });

  await expect(work).rejects.toMatchObject({
    code: "INTERRUPTED",
    hint: expect.stringContaining("snapledger compact vm") as string,
  });
  expect(steps).toContain("commit");
  expect(pendingFolds(await world.state(uuid))).toHaveLength(1);
  await expectReadable(world, uuid, model);
  await expectRecovered(world, uuid, model, "with a tool that is in no hurry");
});
