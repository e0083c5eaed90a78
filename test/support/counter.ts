import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import type { Command, CreateSnapshot, CreateWithSnapshot, DefineDomain } from "../../src/events/command.ts";
import type { SnapshotRef } from "../../src/events/records.ts";
import { layersOf } from "../../src/projections/layers.ts";
import { snapshotOf } from "../../src/projections/tree.ts";
import { freshFolder } from "./folders.ts";
import { makeQcow2, MiB, qemuImg, readAll } from "./images.ts";
import { deactivation, snapshotting, starting } from "./commands.ts";
import { World } from "./world.ts";
import { killGuest, monitor } from "./guest-hands.ts";

/** A domain of two disks with the counting guest of counter.S on it, under tcg. */
export class Counting {
  readonly world: World;
  readonly uuid: string;
  readonly run: string;

  constructor(world: World, uuid: string, run: string) {
    this.world = world;
    this.uuid = uuid;
    this.run = run;
  }

  boot = (paused = false) => this.world.run({ type: "StartDomain", domain: this.uuid, paused });
  destroy = () => this.world.run({ type: "DestroyDomain", domain: this.uuid });
  suspend = () => this.world.run({ type: "SuspendDomain", domain: this.uuid });
  resume = () => this.world.run({ type: "ResumeDomain", domain: this.uuid });
  create = (name: string, options: Partial<CreateSnapshot> = {}) => this.world.run(this.creating(name, options));
  creating = (name: string, options: Partial<CreateSnapshot> = {}): Command =>
    snapshotting(this.uuid, name, { offline: false, ...options });
  startFrom = (name: string, options: Partial<CreateWithSnapshot> = {}) =>
    this.world.run(starting(this.uuid, name, { start: true, ...options }));
  merge = (name: string) => this.world.run(deactivation("MergeSnapshot", this.uuid, name));
  merging = (name: string): Command => deactivation("MergeSnapshot", this.uuid, name);
  kill = () => killGuest(this.run, this.uuid);
  state = () => this.world.driver.guestState(this.uuid);

  /** What the guest has counted to, by its memory. */
  async counter(): Promise<number> {
    const said = await monitor(this.run, this.uuid, "xp /1dw 0x500");
    return Number(/:\s+(-?\d+)/.exec(said)?.[1] ?? NaN);
  }

  /** Until it has counted `steps` further; one that is booting gets to its counter first. */
  async counts(steps = 10): Promise<number> {
    let [from, last]: [number | undefined, number] = [undefined, NaN];
    for (let times = 0; times < 6000; times++) {
      const now = (last = await this.counter());
      // Before the boot sector runs there is anything in its memory, and then 0 until it has looked at its disks.
      const counting = now > 0 && now < uncounted;
      if (!counting || (from !== undefined && now < from)) from = undefined;
      else if (now > (from ??= now) + steps) return now;
      await sleep(5);
    }
    throw new Error(`the guest does not count: ${last}`);
  }

  /** The highest number that is on any of these disks, all that is below it being there too. */
  async highest(files: readonly string[]): Promise<number> {
    const found = await Promise.all(files.map(async (file) => countOn(await readAll(file, "qcow2"))));
    return Math.max(...found);
  }

  /** Of a snapshot's disks. */
  async highestOf(name: string): Promise<number> {
    const state = await this.world.state(this.uuid);
    const layers = layersOf(state, snapshotOf(state, state.byName.get(name) ?? ""));
    return this.highest(layers.map(({ file }) => file.path));
  }

  async heads(): Promise<string[]> {
    return Promise.all(["vda", "vdb"].map(async (target) => (await this.world.head(this.uuid, target)).path));
  }

  /** Memory and disks are of one instant, or of the two sides of one write. Of a guest that stands still. */
  async expectOneInstant(message = ""): Promise<number> {
    const [counter, highest] = [await this.counter(), await this.highest(await this.heads())];
    expect([highest, highest + 1], `${message}: memory against disks`).toContain(counter);
    return counter;
  }

  async snapshots(): Promise<SnapshotRef["name"][]> {
    return [...(await this.world.state(this.uuid)).byName.keys()].sort();
  }
}

/** The images of its two disks, in that folder. */
export async function countingImages(folder: string): Promise<readonly [vda: string, vdb: string]> {
  const disks = [join(folder, "a.qcow2"), join(folder, "b.qcow2")] as const;
  const raw = join(freshFolder(), "boot.raw");
  writeFileSync(raw, Buffer.concat([bootSector(), Buffer.alloc(4 * MiB - 512)]));
  await qemuImg("convert", "-f", "raw", "-O", "qcow2", raw, disks[0]);
  await makeQcow2(disks[1], 4 * MiB);
  return disks;
}

/** Not started yet; the guest is ended with the test. */
export async function counting(more: Partial<DefineDomain> = {}): Promise<Counting> {
  const folder = freshFolder();
  const run = join(folder, "run");
  const world = new World(join(folder, "world"), qemuDriver({ run }));
  mkdirSync(world.folder);
  const disks = await countingImages(world.folder);
  const images = disks.map((path, index) => ({ target: ["vda", "vdb"][index] ?? "", path, format: "qcow2" as const }));
  const command = { ...world.defining("web", images), memoryMib: 32, accelerator: "tcg", ...more } as const;
  await world.run(command);
  onTestFinished(() => world.driver.stop(command.uuid));
  return new Counting(world, command.uuid, run);
}

let built: Buffer | undefined;

export function bootSector(): Buffer {
  built ??= build();
  return built;
}

function build(): Buffer {
  const folder = freshFolder();
  const [object, sector] = [join(folder, "counter.o"), join(folder, "counter.bin")];
  execFileSync("as", ["--32", "-o", object, fileURLToPath(new URL("counter.S", import.meta.url))]);
  execFileSync("ld", ["-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", sector, object]);
  return readFileSync(sector);
}

const firstSector = 2048;
/** It has room for so many numbers; each later one takes the place of the one that is so many before it. */
const places = 4096;
/** More than any test waits for: what is no smaller was in the guest's memory before it counted. */
const uncounted = 1_000_000;

/** The highest number on a disk. Each place must hold the youngest number up to it that belongs there, else it throws. */
function countOn(disk: Buffer): number {
  const sectors = Array.from({ length: places }, (_, place) => {
    const from = (firstSector + place) * 512;
    return disk.subarray(from, from + 512);
  });
  const last = Math.max(...sectors.map((sector) => sector.readUInt32LE(0)));
  for (const [place, sector] of sectors.entries()) {
    const youngest = last - ((last - place + places) % places);
    const belongs = Math.max(youngest, 0);
    if (!sector.equals(filled(belongs)))
      throw new Error(`place ${place} holds ${sector.readUInt32LE(0)}, not ${belongs}: the highest is ${last}`);
  }
  return last;
}

function filled(number: number): Buffer {
  const sector = Buffer.alloc(512);
  for (let at = 0; at < 512; at += 4) sector.writeUInt32LE(number, at);
  return sector;
}
