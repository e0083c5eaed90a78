/**
 * How long a guest stands still for a snapshot with memory, by QEMU's own clock, against the same sequence sent by hand
 * with nothing around it. The memory is not synced while the guest waits, in either. Beside them, the memory compressed.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { qemuDriver } from "../src/drivers/qemu/index.ts";
import { GuestFolder } from "../src/drivers/qemu/guest/folder.ts";
import { blockNodes, freeNumber, guestDisks, nodeOf, nodeOptions } from "../src/drivers/qemu/guest/nodes.ts";
import { Qmp } from "../src/drivers/qemu/guest/qmp.ts";

const rounds = Number(process.argv[2] ?? 31);
const memoryMib = Number(process.argv[3] ?? 256);
const domain = "00000000-0000-7000-8000-000000000001";
const home = await mkdtemp(join(tmpdir(), "snapledger-bench-"));
const run = join(home, "run");
const driver = qemuDriver({ run });
const folder = new GuestFolder(run, domain);
let made = 0;

async function overlay(backing: string): Promise<string> {
  const path = join(home, `layer${++made}.qcow2`);
  const step = { step: "overlay", target: "vda", layer: "l", backingLayer: "b", virtualBytes: 2 ** 23 } as const;
  await driver.makeOverlay({ ...step, path, backing: { path: backing, format: "qcow2" } });
  return path;
}

async function byHand(from: string, to: string, memory: string): Promise<void> {
  const qmp = await Qmp.connect(folder.file("qmp.sock"));
  await qmp.execute(
    "blockdev-add",
    nodeOptions({ path: to, format: "qcow2" }, freeNumber(await blockNodes(qmp)), "overlay"),
  );
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
  const server = createServer((socket) => socket.pipe(createWriteStream(memory)));
  server.listen(folder.file("memory.sock"));
  await once(server, "listening");
  await qmp.execute("stop");
  await qmp.execute("migrate", { uri: "unix:memory.sock" });
  while ((await qmp.execute("query-status")).status !== "postmigrate");
  const nodes = await blockNodes(qmp);
  const data = { node: nodeOf(nodes, from) ?? "", overlay: nodeOf(nodes, to) ?? "" };
  await qmp.execute("transaction", { actions: [{ type: "blockdev-snapshot", data }] });
  await qmp.execute("cont");
  server.close();
  qmp.close();
}

async function byDriver(from: string, to: string, memory: string): Promise<void> {
  const overlays = [{ target: "vda", path: to, from }];
  await driver.freeze(domain, { step: "freeze", overlays, memoryPath: memory });
}

async function packed(from: string, to: string, memory: string): Promise<void> {
  const overlays = [{ target: "vda", path: to, from }];
  await driver.freeze(domain, { step: "freeze", overlays, memoryPath: memory, memoryCompression: "zstd" });
}

/** Milliseconds between QEMU's STOP and RESUME. */
async function pauseOf(freeze: typeof byHand): Promise<number> {
  const watching = await Qmp.connect(folder.file("look.sock"));
  const at = new Map<string, number>();
  watching.events.on("event", (event) => {
    const { seconds, microseconds } = (event as unknown as { timestamp?: { seconds: number; microseconds: number } })
      .timestamp ?? { seconds: 0, microseconds: 0 };
    at.set(event.event, seconds * 1000 + microseconds / 1000);
  });
  const [from = ""] = (await guestDisks(watching)).flatMap(({ chain: [head] }) => head ?? []);
  await freeze(from, await overlay(from), join(home, `memory${made}`));
  await watching.until(() => Promise.resolve(at.has("RESUME") ? true : undefined));
  watching.close();
  return (at.get("RESUME") ?? NaN) - (at.get("STOP") ?? NaN);
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

try {
  const base = join(home, "base.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", base, "8M"]);
  const machine = { memoryMib, vcpus: 1, accelerator: "tcg" } as const;
  const heads = [{ target: "vda", path: await overlay(base) }];
  await driver.start({ domain, heads, memory: null, paused: false, machine });
  const pauses = { byHand: [] as number[], byDriver: [] as number[], packed: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    pauses.byHand.push(await pauseOf(byHand));
    pauses.byDriver.push(await pauseOf(byDriver));
    pauses.packed.push(await pauseOf(packed));
  }
  const [hand, ours] = [median(pauses.byHand), median(pauses.byDriver)];
  console.log(`Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? "?"}; tcg, ${memoryMib} MiB, idle guest`);
  console.log(`median pause of ${rounds}: by hand ${hand.toFixed(1)} ms, by the driver ${ours.toFixed(1)} ms`);
  console.log(`the memory compressed by zstd: ${median(pauses.packed).toFixed(1)} ms`);
  console.log(`ratio ${(ours / hand).toFixed(2)} (at most 1.5)`);
  process.exitCode = ours <= hand * 1.5 ? 0 : 1;
} finally {
  await driver.stop(domain);
  await rm(home, { recursive: true, force: true });
}
