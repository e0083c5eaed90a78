import { expect, test } from "vitest";
import { handle } from "../../src/commands/handle.ts";
import { memoryLocks } from "../../src/store/lock/domain-lock.ts";
import type { CommandContext } from "../../src/commands/context.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { lockedImage } from "../../src/drivers/errors.ts";
import { memoryDriver } from "../../src/drivers/memory/index.ts";
import type { Command } from "../../src/events/command.ts";
import type { EventLog } from "../../src/events/log.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import { SnapledgerError } from "../../src/errors.ts";
import { garbage, headOf, layerOf } from "../../src/projections/layers.ts";
import type { Layer } from "../../src/projections/state.ts";
import { deactivation, snapshotting, starting } from "../support/commands.ts";
import { caller, refused, World } from "../support/world.ts";

/** What seeds of the simulation found, each reduced to the few steps that it takes. */

const driver = memoryDriver();
const { files } = driver.world;
let worlds = 0;

async function worldWith(...domains: string[]): Promise<{ world: World; ids: string[] }> {
  const world = new World(`/found/${++worlds}`, driver);
  const ids: string[] = [];
  for (const name of domains)
    ids.push(await world.defineOn(name, [{ target: "vda", path: `/found/${worlds}/${name}.qcow2`, format: "qcow2" }]));
  return { world, ids };
}

const on = (world: World, log: EventLog): CommandContext => ({
  ...world.context(),
  log: { use: (work) => work(log), close: () => log.close() },
});

test("a domain that is undefined while its lock is waited for is not changed any more", async () => {
  const { world, ids } = await worldWith("web");
  const undefining: Command = { type: "UndefineDomain", domain: "web", keep: "refuse" };
  const context: CommandContext = {
    ...world.context(),
    locks: {
      async lockDomain(request) {
        await world.run(undefining);
        return memoryLocks().lockDomain(request);
      },
    },
  };

  await refused(handle(context, snapshotting("web", "a"), caller), "DOMAIN_NOT_FOUND");

  expect(world.records().filter(({ type }) => type === "SnapshotCreated")).toEqual([]);
  expect((await world.state(ids[0] ?? "")).defined).toBe(false);
});

test("who holds a log whose last write failed, although it was written, takes nothing away by what it knows", async () => {
  const { world, ids } = await worldWith("web");
  const log = memoryEventLog({
    ...{ clock: world.clock, newId: world.newId, disk: world.lines },
    faults: {
      afterWrite(lines) {
        if (lines.some((line) => line.includes("SnapshotCreated"))) throw new Error("EIO");
      },
    },
  });
  await refused(handle(on(world, log), snapshotting("web", "a"), caller), "LOG_UNWRITABLE");

  await refused(handle(on(world, log), { type: "RecoverDomain", domain: "web" }, caller), "LOG_UNWRITABLE");

  await expectWhole(world, ids[0] ?? "", "a");
});

test("who holds a log whose last write failed puts no link back to what it knows", async () => {
  const { world, ids } = await worldWith("web");
  await world.create("web", "a");
  await world.create("web", "b");
  const log = memoryEventLog({
    ...{ clock: world.clock, newId: world.newId, disk: world.lines },
    faults: {
      afterWrite(lines) {
        if (lines.some((line) => line.includes("LayersCompacted"))) throw new Error("EIO");
      },
    },
  });
  await refused(handle(on(world, log), deactivation("MergeSnapshot", "web", "b"), caller), "LOG_UNWRITABLE");
  world.rewind([...world.lines]);
  const { path } = await world.head(ids[0] ?? "", "vda");
  const link = files.get(path)?.backing?.path;
  const stuck = { ...driver, commit: ({ into }: { into: { path: string } }) => Promise.reject(lockedImage(into.path)) };
  const context = { ...on(world, log), driver: () => stuck };

  await refused(handle(context, { type: "RecoverDomain", domain: "web" }, caller), "LOG_UNWRITABLE");

  expect(files.get(path)?.backing?.path).toBe(link);
});

test("an old copy of the log that was put back takes nothing away before somebody says that it goes on", async () => {
  const { world, ids } = await worldWith("web");
  await world.create("web", "a");
  const begun = world.types().lastIndexOf("OperationStarted") + 1;
  const old = memoryEventLog({ clock: world.clock, newId: world.newId, disk: world.lines.slice(0, begun) });
  const behind: EventLog = {
    ...old,
    append: () => Promise.reject(new SnapledgerError("LOG_BEHIND", "The log is behind what was seen of it.")),
  };

  await refused(handle(on(world, behind), { type: "RecoverDomain", domain: "web" }, caller), "LOG_BEHIND");

  await expectWhole(world, ids[0] ?? "", "a");
});

/** The snapshot is in the log as it is on disk, with all its files. */
async function expectWhole(world: World, id: string, snapshot: string): Promise<void> {
  world.rewind([...world.lines]);
  const state = await world.state(id);
  expect([...state.byName.keys()]).toEqual([snapshot]);
  for (const { file } of state.layers.values()) expect(files.has(file.path), file.path).toBe(true);
}

test("a command id that two commands on two domains use at the same time is one's alone", async () => {
  const { world } = await worldWith("web", "db");
  const log = memoryEventLog({ clock: world.clock, newId: world.newId, disk: world.lines });
  const request = { commandId: "once" };

  const both = await Promise.allSettled([
    handle(on(world, log), snapshotting("web", "a"), caller, request),
    handle(on(world, log), snapshotting("db", "a"), caller, request),
  ]);

  const [failed, ...more] = both.filter((one) => one.status === "rejected");
  expect(failed?.reason).toMatchObject({ code: "COMMAND_ID_REUSED" });
  expect(more).toEqual([]);
  expect(world.records().filter(({ type }) => type === "SnapshotCreated")).toHaveLength(1);
});

test("an intent that has to be decided again waits for the write that came between", async () => {
  const { world } = await worldWith("web", "db");
  let written = (): void => undefined;
  const held = new Promise<void>((resolve) => (written = resolve));
  const log = memoryEventLog({
    ...{ clock: world.clock, newId: world.newId, disk: world.lines },
    faults: { beforeWrite: (lines) => (lines.some((line) => line.includes('"ticket":"slow"')) ? held : undefined) },
  });
  const slow = handle(on(world, log), snapshotting("db", "a"), caller, { ticket: "slow" });

  const quick = handle(on(world, log), snapshotting("web", "a"), caller, { commandId: "once" });

  await new Promise((resolve) => setTimeout(resolve, 50));
  written();
  expect((await quick).snapshot?.name).toBe("a");
  await slow;
});

test("what could not be removed when a domain was undefined is removed once its uuid is defined again", async () => {
  const { world, ids } = await worldWith("web");
  const [id = ""] = ids;
  await world.create("web", "a");
  const stuck = { ...driver, remove: (path: string) => Promise.reject(lockedImage(path)) };
  await world.run({ type: "UndefineDomain", domain: "web", keep: "discard-all" }, { driver: stuck });
  const left = garbage(await world.state(id)).map(({ file }) => file.path);
  expect(left.length).toBeGreaterThan(0);
  const disks = [{ target: "vda", path: `/found/${worlds}/web.qcow2`, format: "qcow2" as const }];
  await world.run({ ...world.defining("web", disks), uuid: id }, { driver: stuck });

  await world.recover(id);

  expect(left.filter((path) => files.has(path))).toEqual([]);
});

const called = [
  ["name", "name"],
  ["name", "uuid"],
  ["uuid", "name"],
  ["uuid", "uuid"],
] as const;
test.each(called)("undefining by %s again, by its %s, is told what it did the first time", async (first, again) => {
  const { world, ids } = await worldWith("web");
  const by = { name: "web", uuid: ids[0] ?? "" };
  await world.create("web", "a");
  const undefining = { type: "UndefineDomain", keep: "keep-files" } as const;
  const done = await world.run({ ...undefining, domain: by[first] }, {}, { commandId: "once" });
  const length = world.lines.length;

  const told = await world.run({ ...undefining, domain: by[again] }, {}, { commandId: "once" });

  expect([told.repeated, told.position, told.domain, told.kept]).toEqual([
    ...[true, done.position, done.domain, done.kept],
  ]);
  expect(told.kept.length).toBeGreaterThan(0);
  expect(world.lines).toHaveLength(length);
});

test("the command id of a domain that is gone stays its command's alone, and finds no domain for another", async () => {
  const { world } = await worldWith("web");
  const undefining = { type: "UndefineDomain", domain: "web", keep: "discard-all" } as const;
  await world.run(undefining, {}, { commandId: "once" });

  await refused(world.run(snapshotting("web", "a"), {}, { commandId: "once" }), "COMMAND_ID_REUSED");
  await refused(world.run({ ...undefining, domain: "db" }, {}, { commandId: "once" }), "DOMAIN_NOT_FOUND");
  await refused(world.run(undefining, {}, { commandId: "twice" }), "DOMAIN_NOT_FOUND");
});

test("what QEMU folded without our knowing stays whole once its guest is stopped and the folds below are done", async () => {
  const { world, ids } = await worldWith("web");
  const [id = ""] = ids;
  for (const name of ["a", "b"]) await world.create("web", name);
  await world.run({ type: "StartDomain", domain: "web", paused: false });
  let refusing = "";
  const lost: Driver = {
    ...driver,
    async commitLive(domain, step, watch) {
      if (!step.into.path.endsWith("web.qcow2")) await driver.commitLive(domain, step, watch);
      throw lockedImage(step.into.path);
    },
    commit: (step, watch) =>
      step.from.path === refusing ? Promise.reject(lockedImage(refusing)) : driver.commit(step, watch),
  };
  refusing = (await topOf(world, id)).file.path;
  await world.run(deactivation("MergeSnapshot", "web", "b"), { driver: lost });
  await refused(world.run(deactivation("MergeSnapshot", "web", "a"), { driver: lost }), "COMPACTION_PENDING");

  await world.run({ type: "DestroyDomain", domain: "web" }, { driver: lost });

  await expectChainWhole(world, id);
  await world.recover("web");
});

test("a fold that recovery cut short leaves no link to a file that the command itself then folds away", async () => {
  const { world, ids } = await worldWith("web");
  const [id = ""] = ids;
  for (const name of ["a", "b", "c"]) await world.create("web", name);
  const upper = (await topOf(world, id)).file.path;
  let folds = 0;
  const stuck: Driver = {
    ...driver,
    // In recovery alone.
    commit: (step, watch) =>
      step.from.path === upper && ++folds !== 2 ? Promise.reject(lockedImage(upper)) : driver.commit(step, watch),
    repairLeaks: (file) => Promise.reject(lockedImage(file.path)),
  };
  await world.run(deactivation("MergeSnapshot", "web", "c"), { driver: stuck });
  await world.run(deactivation("MergeSnapshot", "web", "b"), { driver: stuck });

  await refused(world.run(deactivation("MergeSnapshot", "web", "a"), { driver: stuck }), "COMPACTION_PENDING");

  await expectChainWhole(world, id);
  await world.recover("web");
  expect((await world.state(id)).layers.size, "the base image and the head").toBe(2);
});

async function expectChainWhole(world: World, id: string): Promise<void> {
  const { path } = await world.head(id, "vda");
  for (let next = files.get(path)?.backing; next; next = files.get(next.path)?.backing)
    expect(files.has(next.path), next.path).toBe(true);
}

/** The layer that the head stands on. */
async function topOf(world: World, id: string): Promise<Layer> {
  const state = await world.state(id);
  const { backing } = headOf(state, "vda");
  return layerOf(state, backing ?? "");
}

test("what a guest wrote to heads that only recovery knows of is kept when they are left", async () => {
  const { world, ids } = await worldWith("web");
  const [id = ""] = ids;
  await world.create("web", "a");
  await world.run({ type: "StartDomain", domain: "web", paused: false });
  const log = memoryEventLog({
    ...{ clock: world.clock, newId: world.newId, disk: world.lines },
    faults: {
      beforeWrite(lines) {
        if (lines.some((line) => line.includes('"SnapshotCreated"'))) throw new Error("ENOSPC");
      },
    },
  });
  await refused(handle(on(world, log), snapshotting("web", "b"), caller), "LOG_UNWRITABLE");
  world.rewind([...world.lines]);
  const guest = driver.world.guests.get(id)!;
  driver.world.write(guest.heads[0] ?? "", 0, Buffer.from("not in any snapshot"));
  guest.state = "off";

  const { autosave } = await world.run({ ...starting("web", "a"), start: false });

  expect(autosave?.name).toMatch(/^autosave-/);
});

test("a guest that ends between two looks at it has stopped, and runs on no strange files", async () => {
  const { world, ids } = await worldWith("web");
  const [id = ""] = ids;
  await world.run({ type: "StartDomain", domain: "web", paused: false });
  const ending = { ...driver, guestHeads: () => Promise.resolve([]) };

  await world.run({ type: "RecoverDomain", domain: "web" }, { driver: ending });

  expect(world.records().at(-1)).toMatchObject({ type: "DomainStopped", data: { cause: "observed" } });
  expect((await world.state(id)).guest).toBe("off");
});
