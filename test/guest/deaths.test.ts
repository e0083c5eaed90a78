import { expect, test, vi } from "vitest";
import { Crash, fuse, withFaults } from "../support/faults.ts";
import type { Fuse } from "../support/faults.ts";
import { Qmp } from "../../src/drivers/qemu/qmp.ts";
import type { Command } from "../../src/events/command.ts";
import { deactivation, snapshotting, starting, told } from "../support/commands.ts";
import { faultsOf } from "../support/content-oracle.ts";
import { counting } from "../support/counter.ts";
import type { Counting } from "../support/counter.ts";
import { pointsOf, whole } from "../support/sample.ts";

/**
 * The manager dies, or QEMU is killed, or both, before and after every effect of every live operation, those on QEMU's
 * control socket among them. Then somebody recovers: the log says what was found, no write of the guest's is lost,
 * and memory and disks are of one instant.
 */

/** Of many points, the usual run dies at every so-manieth, another one with each kind of death. */
const every = 16;

type Death = "manager" | "guest" | "both";
const deaths: readonly Death[] = ["manager", "guest", "both"];

const operations: Readonly<Record<string, (guest: Counting, name: string) => Promise<Command>>> = {
  "a snapshot with memory": async ({ uuid }, name) => Promise.resolve(snapshotting(uuid, name, { offline: false })),
  "a snapshot with its memory compressed": async ({ uuid }, name) =>
    Promise.resolve(snapshotting(uuid, name, { offline: false, compress: true })),
  "a disk-only snapshot": async ({ uuid }, name) =>
    Promise.resolve(snapshotting(uuid, name, { offline: false, diskOnly: true })),
  "a merge under the guest": async (guest, name) => {
    await guest.create(`${name}-below`, { diskOnly: true });
    await guest.counts(2);
    await guest.create(name, { diskOnly: true });
    return deactivation("MergeSnapshot", guest.uuid, name);
  },
  "a suspend": async ({ uuid }) => Promise.resolve({ type: "SuspendDomain", domain: uuid }),
  "a destroy": async ({ uuid }) => Promise.resolve({ type: "DestroyDomain", domain: uuid }),
  "a start": async (guest) => {
    await guest.destroy();
    return { type: "StartDomain", domain: guest.uuid, paused: false };
  },
  "a start from a memory": async (guest, name) => {
    await guest.create(name);
    await guest.destroy();
    return starting(guest.uuid, name, { start: true });
  },
};

const cases = Object.keys(operations).flatMap((operation) => deaths.map((death) => [operation, death] as const));

test.each(cases)("%s, and the death of the %s at any step", { timeout: 900_000 }, async (operation, death) => {
  const guest = await counting();
  const asked = operations[operation]!;
  let hits = 0;
  const { first, step } = pointsOf(every, deaths.indexOf(death));
  for (let at = first; at < 200; at += step) {
    if ((await guest.state()) !== "running") await revive(guest);
    await guest.counts(3);
    const command = await asked(guest, `s${at}`);
    const contents = await contentsOf(guest);
    const before = await highestOnHeads(guest);
    const points = await dyingAt(guest, command, death, at);
    if (points === undefined) break;
    hits++;
    await expectRecovered(guest, contents, before, `${told(command)}, ${death} at ${at} (${points})`);
  }
  // A short operation has fewer points than there are samples.
  if (first <= deaths.length) expect(hits).toBeGreaterThan(0);
  await expectWhole(guest);
});

async function revive(guest: Counting): Promise<void> {
  if ((await guest.state()) === "paused") await guest.resume();
  else await guest.boot();
}

async function highestOnHeads(guest: Counting): Promise<number> {
  return guest.highest(await guest.heads());
}

/** The name of the point that was died at; undefined when the command has no such point, and is done. */
async function dyingAt(guest: Counting, command: Command, death: Death, at: number): Promise<string | undefined> {
  const dying = death === "guest" ? fuse() : fuse(at);
  const passed: { point: string; killed: Promise<void> | undefined } = { point: "", killed: undefined };
  const shared: Fuse = {
    ...dying,
    get count() {
      return dying.count;
    },
    get crash() {
      return dying.crash;
    },
    pass(point) {
      if (dying.count + 1 === at) {
        passed.point = point;
        if (death !== "manager") killAtOnce(guest, passed);
      }
      dying.pass(point);
    },
  };
  const spy = hookControl(shared);
  try {
    await guest.world.run(command, { fuse: shared, driver: withFaults(guest.world.driver, {}) });
  } catch (error) {
    if (passed.point === "") throw error;
    if (death !== "guest") expect(error).toBeInstanceOf(Crash);
  } finally {
    spy.mockRestore();
    await passed.killed;
  }
  return passed.point === "" ? undefined : passed.point;
}

function killAtOnce(guest: Counting, passed: { killed: Promise<void> | undefined }): void {
  passed.killed = guest.kill();
}

/** Commands that change something on the control socket are points to die at, too. */
function hookControl(shared: Fuse) {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on its own object below
  const original = Qmp.prototype.execute;
  return vi.spyOn(Qmp.prototype, "execute").mockImplementation(async function (this: Qmp, name, args) {
    const changes = !/^(query-|qom-get|qmp_)/.test(name);
    if (changes) shared.pass(`before ${name}`);
    else shared.check();
    const result = await original.call(this, name, args as never);
    if (changes) shared.pass(`after ${name}`);
    return result;
  });
}

async function contentsOf(guest: Counting): Promise<Map<string, number>> {
  const contents = new Map<string, number>();
  for (const name of await guest.snapshots()) contents.set(name, await guest.highestOf(name));
  return contents;
}

async function expectRecovered(
  guest: Counting,
  contents: ReadonlyMap<string, number>,
  before: number,
  message: string,
): Promise<void> {
  const { world, uuid } = guest;
  await world.recover(uuid);
  const length = world.lines.length;
  await world.recover(uuid);
  expect(world.types(length), `${message}: recovered again`).toEqual([]);
  const state = await world.state(uuid);
  expect(state.operation, message).toBeNull();
  expect(await guest.state(), message).toBe(state.guest);
  await expectSnapshots(guest, contents, message);
  if (state.guest === "off") {
    // Only a start from another point leaves what the guest had written since.
    if (!message.startsWith("CreateWith")) expect(await highestOnHeads(guest), message).toBeGreaterThanOrEqual(before);
    return;
  }
  if (state.guest === "running") await guest.suspend();
  // A guest that has only just booted has not got to the counter yet.
  if (!message.startsWith("StartDomain")) await guest.expectOneInstant(message);
}

/** Named content is what it was, but for a merge's target, which has the merged one's if the log says so. */
async function expectSnapshots(guest: Counting, contents: ReadonlyMap<string, number>, message: string): Promise<void> {
  const names = await guest.snapshots();
  for (const name of names) {
    const merged = name.replace(/-below$/, "");
    const was = names.includes(merged) ? contents.get(name) : (contents.get(merged) ?? contents.get(name));
    if (was !== undefined) expect(await guest.highestOf(name), `${message}: content of ${name}`).toBe(was);
  }
}

/** Every memory that was saved can be resumed with its disks, and no file is unknown or damaged. */
async function expectWhole(guest: Counting): Promise<void> {
  if ((await guest.state()) !== "off") await guest.destroy();
  const state = await guest.world.state(guest.uuid);
  const resumable = [...state.snapshots.values()].filter(({ memory }) => memory !== null);
  for (const { name } of resumable.slice(whole ? 0 : -2)) {
    await guest.startFrom(name, { paused: true, discardChanges: true });
    await guest.expectOneInstant(`resumed from ${name}`);
    await guest.destroy();
  }
  const faults = await faultsOf(guest.world, await guest.world.state(guest.uuid));
  // A killed QEMU may leave clusters that nothing refers to: wasted space, in files that read right.
  expect(faults.filter((fault) => !/Leaked cluster/.test(fault) || /ERROR/.test(fault))).toEqual([]);
}
