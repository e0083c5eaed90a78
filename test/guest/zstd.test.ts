import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { packedFault } from "../../src/drivers/qemu/zstd.ts";
import type { MemoryFile } from "../../src/events/records.ts";
import { freshFolder } from "../support/folders.ts";
import { refused } from "../support/world.ts";
import { counting } from "../support/counter.ts";
import type { Counting } from "../support/counter.ts";

/** A running guest's memory, compressed on its way to the file and back. */

async function memoryOf(guest: Counting, name: string): Promise<MemoryFile> {
  const state = await guest.world.state(guest.uuid);
  const { memory } = state.snapshots.get(state.byName.get(name) ?? "")!;
  return memory!;
}

test("a packed memory that is gone is told as that", async () => {
  await expect(packedFault(join(freshFolder(), "gone.mem"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
});

/** A guest that runs and has counted. */
async function running(): Promise<Counting> {
  const guest = await counting();
  await guest.boot();
  await guest.counts();
  return guest;
}

test("a guest goes on from the very instant it was frozen at, its memory compressed by zstd", async () => {
  const guest = await running();
  await guest.create("plain");
  await guest.counts();
  await guest.create("warm", { compress: true });
  expect(await guest.state()).toBe("running");
  const later = await guest.counts();
  await guest.destroy();
  const [plain, packed] = [await memoryOf(guest, "plain"), await memoryOf(guest, "warm")];
  expect([plain.compression, packed.compression]).toEqual([undefined, "zstd"]);
  expect(packed.bytes).toBeLessThan(plain.bytes);
  expect([statSync(packed.path).size, statSync(packed.path).mode & 0o777]).toEqual([packed.bytes, 0o600]);
  expect(packed.machine).toEqual(plain.machine);
  execFileSync("zstd", ["-q", "-t", "-c"], { input: readFileSync(packed.path) });

  await guest.startFrom("warm", { paused: true });

  const frozen = await guest.expectOneInstant();
  expect(frozen).toBeLessThan(later);
  expect([frozen, frozen - 1]).toContain(await guest.highestOf("warm"));
  await guest.resume();
  expect(await guest.counts()).toBeGreaterThan(frozen);
});

test("a compressed memory that a merge hands on is resumed too", async () => {
  const guest = await running();
  await guest.create("cold", { diskOnly: true });
  await guest.counts();
  await guest.create("warm", { compression: "zstd" });
  await guest.counts();
  await guest.merge("warm");
  await guest.destroy();
  expect(await memoryOf(guest, "cold")).toMatchObject({ compression: "zstd" });
  await guest.startFrom("cold", { paused: true });
  await guest.expectOneInstant();
});

test("a compressed memory that is cut short, foreign or changed is refused before anything is moved", async () => {
  const guest = await running();
  await guest.create("warm", { compress: true });
  await guest.destroy();
  const { path } = await memoryOf(guest, "warm");
  const whole = readFileSync(path);
  const changed = Buffer.from(whole);
  changed[whole.length >> 1]! ^= 1;
  const shorter = Buffer.concat([whole.subarray(0, -500), Buffer.alloc(500)]);
  const before = guest.world.lines.length;

  truncateSync(path, whole.length - 1000);
  await refused(guest.startFrom("warm"), "MEMORY_UNUSABLE");
  for (const bad of [Buffer.alloc(whole.length, 7), changed, shorter]) {
    writeFileSync(path, bad);
    const error = await refused(guest.startFrom("warm"), "MEMORY_UNUSABLE");
    expect(String(error)).toMatch(/damaged, or none: .*\.mem: \S/);
  }

  expect(guest.world.types(before)).toEqual(Array(4).fill("CommandRejected"));
  writeFileSync(path, whole);
  await guest.startFrom("warm", { paused: true });
  await guest.expectOneInstant();
});

/** What there is instead of zstd until the test ends: this script, or nothing. */
function replaceZstd(script?: string): void {
  const folder = freshFolder();
  for (const program of ["qemu-img", "qemu-system-x86_64"]) {
    const shim = join(folder, program);
    const path = execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    writeFileSync(shim, `#!/bin/sh\nexec '${path}' "$@"\n`);
    chmodSync(shim, 0o755);
  }
  if (script !== undefined) {
    writeFileSync(join(folder, "zstd"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, "zstd"), 0o755);
  }
  const was = process.env["PATH"];
  process.env["PATH"] = folder;
  onTestFinished(() => {
    process.env["PATH"] = was;
  });
}

const zstd = execFileSync("sh", ["-c", "command -v zstd"], { encoding: "utf8" }).trim();

test.each([
  ["missing", undefined, "DRIVER_FAILED", /zstd is not installed/],
  ["killed before it reads", "kill -9 $$", "DRIVER_FAILED", /zstd was killed \(SIGKILL\)/],
  ["killed half-way", "/usr/bin/head -c 100000 >/dev/null; kill -9 $$", "DRIVER_FAILED", /was killed \(SIGKILL\)/],
  ["failing when all is read", "/bin/cat >/dev/null; echo 'zstd: no' >&2; exit 1", "DRIVER_FAILED", /failed: zstd: no/],
  ["told that the disk is full", `exec '${zstd}' "$@" >/dev/full`, "DISK_FULL", /is full/],
] as const)("a zstd that is %s leaves the guest running on what it had", async (_, script, code, words) => {
  const guest = await running();
  const heads = await guest.heads();
  const folder = join(heads[0]!, "..");
  const files = readdirSync(folder);
  replaceZstd(script);

  const error = await refused(guest.create("warm", { compress: true }), code);

  expect(String(error)).toMatch(words);
  expect([await guest.state(), await guest.heads()]).toEqual(["running", heads]);
  expect([...(await guest.world.driver.guestHeads(guest.uuid))].sort()).toEqual([...heads].sort());
  expect(readdirSync(folder)).toEqual(files);
  await guest.counts();
  await guest.create("plain");
  await guest.destroy();
  await guest.startFrom("plain", { paused: true });
  await guest.expectOneInstant();
});

test("without zstd a compressed memory is not started from, and nothing is moved", async () => {
  const guest = await running();
  await guest.create("warm", { compress: true });
  await guest.destroy();
  const before = guest.world.lines.length;
  replaceZstd();
  const error = await refused(guest.startFrom("warm"), "DRIVER_FAILED");
  expect(error).toMatchObject({ hint: "Install it: apt-get install zstd" });
  expect(guest.world.types(before)).not.toContain("HeadsMoved");
  expect(await guest.state()).toBe("off");
});

test("Ctrl-C while a memory is compressed leaves the guest running on what it had", async () => {
  const guest = await running();
  const heads = await guest.heads();
  const controller = new AbortController();
  replaceZstd(`/bin/sleep 1; exec '${zstd}' "$@"`);
  const asked = guest.world.run(
    guest.creating("warm", { compress: true }),
    {},
    {
      signal: controller.signal,
      onProgress: ({ step }) => step === "memory" && controller.abort(),
    },
  );

  await refused(asked, "INTERRUPTED");

  expect([await guest.state(), await guest.world.driver.guestHeads(guest.uuid)]).toEqual(["running", heads]);
  await guest.counts();
});
