import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { usableAccelerators } from "../../src/drivers/qemu/machine.ts";
import { deactivation } from "../support/commands.ts";
import { refused } from "../support/world.ts";
import { counting } from "../support/counter.ts";
import { monitor } from "../support/guest-hands.ts";

/** Real guests that write all the time, snapshotted, merged under and resumed. */

async function goesOn(accelerator: "kvm" | "tcg"): Promise<void> {
  const guest = await counting({ accelerator });
  await guest.boot();
  await guest.counts();
  await guest.create("warm");
  const later = await guest.counts();
  await guest.destroy();

  await guest.startFrom("warm", { paused: true });

  expect(await guest.state()).toBe("paused");
  const frozen = await guest.expectOneInstant();
  expect(frozen).toBeLessThan(later);
  expect([frozen, frozen - 1]).toContain(await guest.highestOf("warm"));
  await guest.resume();
  expect(await guest.counts()).toBeGreaterThan(frozen);
  await guest.suspend();
  await guest.expectOneInstant();
}

test("a guest goes on from the very instant it was frozen at", () => goesOn("tcg"));

test.skipIf(!usableAccelerators().includes("kvm"))("so does one under KVM", () => goesOn("kvm"));

test("a disk-only snapshot of a running guest has both disks of one instant", async () => {
  const guest = await counting();
  await guest.boot();
  for (const name of ["one", "two", "three"]) {
    await guest.counts(3);
    await guest.create(name, { diskOnly: true });
  }
  const state = await guest.world.state(guest.uuid);
  for (const { layers } of state.snapshots.values()) {
    const [a, b] = ["vda", "vdb"].map((target) => state.layers.get(layers[target] ?? "")?.file.path ?? "");
    const [first, second] = [await guest.highest([a ?? ""]), await guest.highest([b ?? ""])];
    // Each number goes to vda before vdb, and is on both before the next.
    expect([first, first - 1]).toContain(second);
  }
  expect([...state.snapshots.values()].map((snapshot) => [snapshot.state, snapshot.memory])).toEqual(
    Array(3).fill(["disk-snapshot", null]),
  );
});

test("a snapshot of a paused guest is resumed paused", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.suspend();
  const at = await guest.counter();
  await guest.create("still");
  expect(await guest.state()).toBe("paused");
  await guest.resume();
  await guest.counts();
  await guest.destroy();
  await guest.startFrom("still");
  expect([await guest.state(), await guest.counter()]).toEqual(["paused", at]);
});

test("a merge is folded under the running guest, and the memory it destroys is listed", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("warm");
  await guest.counts();
  await guest.create("cold", { diskOnly: true });
  const cold = await guest.highestOf("cold");

  const seen: number[] = [];
  const onProgress = ({ done, total }: { done: number; total: number }) => seen.push(done / total);
  const outcome = await guest.world.run(guest.merging("cold"), {}, { onProgress });

  expect(outcome).toMatchObject({ folded: 2, foldsPending: 0 });
  expect(outcome.sets.destroyed.map(({ kind }) => kind)).toEqual(["content", "memory"]);
  expect(seen.at(-1)).toBe(1);
  expect(await guest.highestOf("warm")).toBe(cold);
  await guest.counts();
  await guest.suspend();
  await guest.expectOneInstant();
  const { snapshots } = await guest.world.state(guest.uuid);
  expect([...snapshots.values()]).toMatchObject([{ name: "warm", state: "disk-snapshot", memory: null }]);
});

test("merging one with memory into one without makes it resumable", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("cold", { diskOnly: true });
  await guest.counts();
  await guest.create("warm");
  await guest.counts();
  await guest.merge("warm");
  await guest.destroy();
  await guest.startFrom("cold", { paused: true });
  await guest.expectOneInstant();
});

test("a merge into the base image is folded under the running guest", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("first", { diskOnly: true });
  const first = await guest.highestOf("first");
  await guest.merge("first");
  expect(await guest.highest([join(guest.world.folder, "a.qcow2"), join(guest.world.folder, "b.qcow2")])).toBe(first);
  await guest.counts();
  await guest.suspend();
  await guest.expectOneInstant();
});

test("other branches keep their content when a layer they share is folded under the guest", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("root", { diskOnly: true });
  await guest.counts();
  await guest.create("shared", { diskOnly: true });
  await guest.counts();
  await guest.create("branch", { diskOnly: true });
  const branch = await guest.highestOf("branch");
  await guest.destroy();
  await guest.startFrom("shared", { discardChanges: true });
  await guest.counts(3);
  await guest.merge("shared");
  expect(await guest.highestOf("branch")).toBe(branch);
  expect(await guest.snapshots()).toEqual(["branch", "root"]);
});

test("what a running guest forbids says so, and how to go on", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("a", { diskOnly: true });
  await guest.create("b", { diskOnly: true });
  const { world, uuid } = guest;
  for (const ask of [
    () => guest.startFrom("a"),
    () => world.deactivate(uuid, "b"),
    () => world.run(deactivation("DiscardSnapshot", uuid, "b", { discardChanges: true })),
    () => world.run({ type: "UndefineDomain", domain: uuid, keep: "discard-all" }),
    () => guest.boot(),
  ]) {
    await refused(ask(), "DOMAIN_RUNNING");
  }
  // Its own count says that the heads are dirty.
  await refused(world.discard(uuid, "b"), "DISCARD_WOULD_ORPHAN");
  await refused(guest.create("c", { compression: "zlib" }), "UNSUPPORTED_COMPRESSION");
  expect(await guest.snapshots()).toEqual(["a", "b"]);
});

test("a branch that the guest does not stand on is discarded while it runs", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("a", { diskOnly: true });
  await guest.create("b", { diskOnly: true });
  await guest.destroy();
  await guest.startFrom("a", { discardChanges: true });
  await guest.world.run(deactivation("DiscardSnapshot", guest.uuid, "b", { force: true }));
  expect(await guest.snapshots()).toEqual(["a"]);
  expect(await guest.state()).toBe("running");
});

test("a guest hears its power button", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.world.run({ type: "ShutdownDomain", domain: guest.uuid, timeoutMs: 20_000 });
  expect(await guest.state()).toBe("off");
  expect(guest.world.records().at(-1)).toMatchObject({ type: "DomainStopped", data: { cause: "shutdown" } });
});

test("one that does not listen runs on, and when it ends later that is noticed", async () => {
  const guest = await counting();
  await guest.boot(true);
  await guest.resume();
  const { world, uuid } = guest;
  await refused(world.run({ type: "ShutdownDomain", domain: uuid, timeoutMs: 0 }), "GUEST_BUSY");
  await guest.kill();
  const { recovered } = await world.recover(uuid);
  expect(recovered).toEqual(["The guest had stopped by itself."]);
  expect(world.records().at(-1)).toMatchObject({ type: "DomainStopped", data: { cause: "observed" } });
});

test("a guest that was paused, or let go on, behind the manager's back is noticed", async () => {
  const guest = await counting();
  await guest.boot();
  for (const [command, type] of [
    ["stop", "DomainSuspended"],
    ["cont", "DomainResumed"],
  ] as const) {
    await monitor(guest.run, guest.uuid, command);
    await guest.world.recover(guest.uuid);
    expect(guest.world.records().at(-1)).toMatchObject({ type, data: { cause: "observed" } });
  }
});

test("a memory that is cut short, foreign or of another machine is refused before anything is moved", async () => {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  await guest.create("warm");
  await guest.destroy();
  const { snapshots } = await guest.world.state(guest.uuid);
  const [{ memory } = { memory: null }] = snapshots.values();
  const path = memory?.path ?? "";
  const whole = readFileSync(path);

  truncateSync(path, whole.length - 1000);
  await refused(guest.startFrom("warm"), "MEMORY_UNUSABLE");

  writeFileSync(path, Buffer.alloc(whole.length, 7));
  const before = guest.world.lines.length;
  const error = await refused(guest.startFrom("warm"), "DRIVER_FAILED");
  expect(String(error)).toMatch(/Not a migration stream/);
  expect(guest.world.types(before)).toEqual(["OperationStarted", "HeadsMoved", "OperationFailed"]);
  expect(await guest.state()).toBe("off");

  writeFileSync(path, whole);
  await guest.startFrom("warm", { paused: true });
  await guest.expectOneInstant();
  expect(memory?.machine).toMatchObject({ accelerator: "tcg", cpu: "qemu64", memoryMib: 32, vcpus: 1 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
