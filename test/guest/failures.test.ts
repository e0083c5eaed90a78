import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { handle } from "../../src/commands/handle.ts";
import { fileLocks } from "../../src/store/lock/domain-lock.ts";
import { GuestFolder } from "../../src/drivers/qemu/folder.ts";
import { Qmp } from "../../src/drivers/qemu/qmp.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import type { Command } from "../../src/events/command.ts";
import type { Request } from "../../src/connection/api.ts";
import { freshFolder } from "../support/folders.ts";
import { makeQcow2, MiB } from "../support/images.ts";
import { caller, refused } from "../support/world.ts";
import { counting } from "../support/counter.ts";
import { writeInGuest } from "../support/guest-hands.ts";

/** What goes wrong with guests, and what is left of it: a full disk, Ctrl-C, a QEMU that is none. */

const domain = "00000000-0000-7000-8000-000000000001";

async function startWith(program: string): Promise<{ work: Promise<void>; folder: GuestFolder }> {
  const home = freshFolder();
  const [system, run] = [join(home, "qemu"), join(home, "run")];
  writeFileSync(system, program);
  chmodSync(system, 0o755);
  const path = await makeQcow2(join(home, "head.qcow2"), MiB);
  const driver = qemuDriver({ run, system });
  const machine = { memoryMib: 16, vcpus: 1, accelerator: "tcg" } as const;
  const work = driver.start({ domain, heads: [{ target: "vda", path }], memory: null, paused: false, machine });
  return { work, folder: new GuestFolder(run, domain) };
}

test("a QEMU that ends at once is shown with its own words, and leaves nothing", async () => {
  const { work, folder } = await startWith("#!/bin/sh\necho 'qemu: -cpu: no such thing' >&2\nexit 1\n");
  await expect(work).rejects.toMatchObject({
    code: "DRIVER_FAILED",
    message: "QEMU ended at once: qemu: -cpu: no such thing",
  });
  expect(folder.read()).toBeUndefined();
  expect(readdirSync(folder.path)).toEqual(["qemu.log"]);
});

test("a QEMU that is too old is refused, and ended", async () => {
  const script = `#!${process.execPath}
const { createServer } = require("node:net");
const greeting = { QMP: { version: { qemu: { major: 4, minor: 2, micro: 0 } }, capabilities: [] } };
createServer((client) => {
  client.write(JSON.stringify(greeting) + "\\r\\n");
  client.on("data", () => client.write('{"return": {}, "id": 1}\\r\\n'));
  client.on("error", () => undefined);
}).listen("qmp.sock");
`;
  const { work, folder } = await startWith(script);
  await expect(work).rejects.toMatchObject({
    code: "DRIVER_FAILED",
    message: "QEMU 4.2 is too old to run guests with.",
  });
  expect(folder.living()).toBeUndefined();
});

test("a control socket that another program holds makes others wait, and then say so", async () => {
  const guest = await counting();
  await guest.boot();
  const held = await Qmp.connect(new GuestFolder(guest.run, guest.uuid).file("qmp.sock"));
  onTestFinished(() => held.close());
  const connect = Qmp.connect.bind(Qmp);
  const spy = vi.spyOn(Qmp, "connect").mockImplementation((path) => connect(path, { timeoutMs: 1500 }));
  onTestFinished(() => spy.mockRestore());

  await refused(guest.suspend(), "GUEST_BUSY");

  expect(await guest.state()).toBe("running");
  held.close();
  await guest.suspend();
});

test("Ctrl-C in a fold under the guest leaves all right, and compact goes on", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("below", { diskOnly: true });
  await writeInGuest(guest.run, guest.uuid, { target: "vdb", offset: 0, length: 512 * 1024, byte: 7 });
  await guest.create("above", { diskOnly: true });
  const above = await guest.highestOf("above");
  const spy = slowly();
  const controller = new AbortController();
  const onProgress = () => controller.abort();

  const error = await refused(
    guest.world.run(guest.merging("above"), {}, { onProgress, signal: controller.signal }),
    "INTERRUPTED",
  );

  spy.mockRestore();
  expect(error).toMatchObject({ hint: expect.stringContaining("snapledger compact web") as unknown });
  expect([await guest.state(), await guest.highestOf("below")]).toEqual(["running", above]);
  const compacted = await guest.world.run({ type: "CompactDomain", domain: guest.uuid });
  expect(compacted).toMatchObject({ foldsPending: 0 });
  expect(await guest.highestOf("below")).toBe(above);
  await guest.counts();
  await guest.suspend();
  await guest.expectOneInstant();
});

test("a snapshot taken while a fold goes on under the guest is told that somebody works on the domain", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("below", { diskOnly: true });
  await writeInGuest(guest.run, guest.uuid, { target: "vdb", offset: 0, length: 512 * 1024, byte: 7 });
  await guest.create("above", { diskOnly: true });
  slowly(256 * 1024);
  const locks = fileLocks(freshFolder(), { clock: Date.now });
  const managed = (command: Command, request: Request = {}) =>
    handle({ ...guest.world.context(), locks }, command, caller, request);
  let [folding, merged] = [false, false];
  const merging = managed(guest.merging("above"), { onProgress: () => (folding = true) }).finally(() => {
    merged = true;
  });
  while (!folding && !merged) await sleep(5);

  for (const options of [{ diskOnly: true }, {}, { compress: true }]) {
    const error = await refused(managed(guest.creating("next", options)), "OPERATION_IN_PROGRESS");
    expect(error).toMatchObject({ facts: { holder: { verb: "MergeSnapshot" } } });
  }

  expect(merged).toBe(false);
  expect(await merging).toMatchObject({ foldsPending: 0 });
  await managed(guest.creating("next", { diskOnly: true }));
  expect(await guest.snapshots()).toEqual(["below", "next"]);
  await guest.suspend();
  await guest.expectOneInstant();
});

test("a fold that was left half-way under a guest is ended when the guest is off", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("below", { diskOnly: true });
  await writeInGuest(guest.run, guest.uuid, { target: "vdb", offset: 0, length: 512 * 1024, byte: 7 });
  await guest.create("above", { diskOnly: true });
  const above = await guest.highestOf("above");
  const spy = slowly();
  const controller = new AbortController();
  const request = { onProgress: () => controller.abort(), signal: controller.signal };
  await refused(guest.world.run(guest.merging("above"), {}, request), "INTERRUPTED");
  spy.mockRestore();
  await guest.kill();

  const { recovered, foldsPending } = await guest.world.recover(guest.uuid);

  expect(recovered[0]).toBe("The guest had stopped by itself.");
  expect(foldsPending).toBe(0);
  expect(await guest.highestOf("below")).toBe(above);
});

/** QEMU's fold of these few bytes takes seconds instead of milliseconds. */
function slowly(bytesPerSecond = 64 * 1024) {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on its own object below
  const original = Qmp.prototype.execute;
  const spy = vi.spyOn(Qmp.prototype, "execute").mockImplementation(function (this: Qmp, name, args) {
    const slow = name === "block-commit" ? { ...args, speed: bytesPerSecond } : args;
    return original.call(this, name, slow as never);
  });
  onTestFinished(() => spy.mockRestore());
  return spy;
}

const mounted = mayMount();

test.skipIf(!mounted)(
  "a disk that runs full while memory is saved leaves the guest running on what it had",
  async () => {
    const guest = await counting();
    const small = smallDisk("1100k");
    // Disks without anything to boot from: the guest runs, and writes nothing that would fill the disk before.
    const images = await Promise.all(["a", "b"].map((name) => makeQcow2(join(freshFolder(), name), MiB)));
    const { world } = guest;
    const disks = images.map((path, index) => ({
      target: ["vda", "vdb"][index] ?? "",
      path,
      format: "qcow2" as const,
    }));
    const machine = { memoryMib: 32, accelerator: "tcg", layersFolder: small } as const;
    const command = { ...world.defining("small", disks), ...machine };
    await world.run(command);
    onTestFinished(() => world.driver.stop(command.uuid));
    await world.run({ type: "StartDomain", domain: command.uuid, paused: false });
    const heads = await world.driver.guestHeads(command.uuid);

    await refused(world.run({ ...snapshot(command.uuid), name: "warm" }), "DISK_FULL");

    expect([await world.driver.guestState(command.uuid), await world.driver.guestHeads(command.uuid)]).toEqual([
      "running",
      heads,
    ]);
    expect(readdirSync(join(small, command.uuid)).sort()).toEqual(heads.map((path) => path.split("/").at(-1)).sort());
    await world.run({ ...snapshot(command.uuid), name: "cold", diskOnly: true });
    expect((await world.state(command.uuid)).snapshots.size).toBe(1);
  },
);

function snapshot(domainId: string) {
  const how = { description: "", compression: null, offline: false, diskOnly: false };
  return { type: "CreateSnapshot", domain: domainId, ...how } as const;
}

/** A file system of that size; undone with the test. */
function smallDisk(size: string): string {
  const folder = join(freshFolder(), "small");
  mkdirSync(folder, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder]);
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  return folder;
}

function mayMount(): boolean {
  const folder = join(freshFolder(), "try");
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder]);
    return true;
  } catch {
    return false;
  }
}
