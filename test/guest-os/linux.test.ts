import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { isSnapledgerError } from "../../src/errors.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { layersOf } from "../../src/projections/layers.ts";
import { snapshotOf } from "../../src/projections/tree.ts";
import { snapshotting, starting } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import { MiB, qemuImg } from "../support/images.ts";
import { World } from "../support/world.ts";

/**
 * With a Linux guest that mounts ext4, writes on and on, and runs qemu-guest-agent. Asked for by `npm run test:guest-os`,
 * since it fetches a kernel.
 */

const asked = process.env["SNAPLEDGER_GUEST_OS"] === "1";

/** ext4 has this flag while it is mounted, and takes it off while it is frozen (fs/ext4/super.c). */
function needsRecovery(disk: string): boolean {
  return / needs_recovery/.test(execFileSync("dumpe2fs", ["-h", disk], { encoding: "utf8", stdio: "pipe" }));
}

/** How far the guest had counted, each number on a line of its file; none is missing, and none is there twice. */
function countedOn(disk: string): number {
  expect(spawnSync("e2fsck", ["-fn", disk]).status, disk).toBe(0);
  const text = execFileSync("debugfs", ["-R", "cat /numbers", disk], { encoding: "utf8", stdio: "pipe" });
  const lines = text.trimEnd().split("\n");
  expect(lines).toEqual(lines.map((_, i) => String(i + 1)));
  return lines.length;
}

class Linux {
  readonly world: World;
  readonly uuid: string;

  private constructor(world: World, uuid: string) {
    this.world = world;
    this.uuid = uuid;
  }

  static async boot(): Promise<Linux> {
    const folder = freshFolder();
    execFileSync(fileURLToPath(new URL("make", import.meta.url)), [folder], { stdio: "pipe" });
    const world = new World(join(folder, "world"), qemuDriver({ run: join(folder, "run") }));
    mkdirSync(world.folder);
    const [boot, data] = [join(world.folder, "boot.qcow2"), join(world.folder, "data.qcow2")];
    await qemuImg("convert", "-f", "raw", "-O", "qcow2", join(folder, "boot.raw"), boot);
    const raw = join(folder, "data.raw");
    execFileSync("truncate", ["-s", String(16 * MiB), raw]);
    execFileSync("mke2fs", ["-q", "-t", "ext4", raw]);
    await qemuImg("convert", "-f", "raw", "-O", "qcow2", raw, data);
    const disks = [boot, data].map((path, index) => ({
      target: ["vda", "vdb"][index] ?? "",
      path,
      format: "qcow2" as const,
    }));
    const command = {
      ...world.defining("linux", disks),
      memoryMib: 256,
      accelerator: "tcg",
      guestAgent: true,
    } as const;
    await world.run(command);
    onTestFinished(() => world.driver.stop(command.uuid));
    const linux = new Linux(world, command.uuid);
    await world.run({ type: "StartDomain", domain: linux.uuid, paused: false });
    return linux;
  }

  /** Its second disk, raw, as a disk-only snapshot holds it. */
  async snapshot(name: string, quiesce: boolean): Promise<string> {
    await this.world.run(snapshotting(this.uuid, name, { offline: false, diskOnly: true, quiesce }));
    const state = await this.world.state(this.uuid);
    const [, layer] = layersOf(state, snapshotOf(state, state.byName.get(name) ?? ""));
    const raw = join(this.world.folder, `${name}.raw`);
    await qemuImg("convert", "-f", "qcow2", "-O", "raw", layer?.file.path ?? "", raw);
    return raw;
  }

  /** The same, settled by the agent. Until the guest has booted nobody answers. */
  async settled(name: string): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.snapshot(name, true);
      } catch (error) {
        if (!isSnapledgerError(error, "DRIVER_FAILED") || attempt === 40) throw error;
        await sleep(3000);
      }
    }
  }
}

const limit = { timeout: 600_000 };

test.skipIf(!asked)("a Linux guest's ext4 is settled by its agent, and goes on", limit, async () => {
  const linux = await Linux.boot();
  const first = await linux.settled("first");
  await sleep(2000);
  const torn = await linux.snapshot("torn", false);
  await sleep(2000);
  const second = await linux.settled("second");
  expect([first, torn, second].map(needsRecovery)).toEqual([false, true, false]);
  expect(linux.world.records().at(-1)).toMatchObject({ type: "SnapshotCreated", data: { quiesced: true } });
  // It was thawed each time: it has written on.
  expect(countedOn(second)).toBeGreaterThan(countedOn(first));
});

test.skipIf(!asked)("a Linux guest that is started from its memory goes on where it was frozen", limit, async () => {
  const linux = await Linux.boot();
  const before = countedOn(await linux.settled("before"));
  await linux.world.run(snapshotting(linux.uuid, "warm", { offline: false }));
  await sleep(3000);
  const lost = countedOn(await linux.settled("lost"));
  await linux.world.run({ type: "DestroyDomain", domain: linux.uuid });
  await linux.world.run(starting(linux.uuid, "warm", { start: true, discardChanges: true }));
  // Its file system, in its memory, and its disks are of one instant: another would show as a gap, or as errors.
  const after = countedOn(await linux.settled("after"));
  expect(lost).toBeGreaterThan(before);
  expect(after).toBeGreaterThanOrEqual(before);
  await sleep(3000);
  expect(countedOn(await linux.settled("later"))).toBeGreaterThan(after);
});
