import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { GuestFolder } from "../../src/drivers/qemu/folder.ts";
import { blockNodes, freeNumber, guestDisks, nodeOf, nodeOptions } from "../../src/drivers/qemu/nodes.ts";
import { Qmp } from "../../src/drivers/qemu/qmp.ts";
import { interleaved } from "../rounds.ts";
import type { Bench, Findings, Subject } from "../row.ts";

/**
 * How long a guest stands still for a snapshot with memory, by QEMU's own clock, against the same sequence sent by hand
 * with nothing around it. The memory is not synced while the guest waits, in either. Beside them, the memory compressed.
 */
export const freeze: Subject = {
  name: "freeze",
  about: "how long a guest stands still for a snapshot with its memory, against the same sequence by hand",
  rows: ["freeze", "freeze-zstd"],
  run,
};

const domain = "00000000-0000-7000-8000-000000000001";
const memoryMib = 256;

async function run({ quick, folder: home, say }: Bench): Promise<Findings> {
  const missing = without("qemu-system-x86_64", "qemu-system-x86") ?? without("zstd", "zstd");
  const what = `a guest of ${memoryMib} MiB stands still`;
  const packed = "the same, memory compressed";
  if (missing !== undefined) return { rows: { freeze: { what, missing }, "freeze-zstd": { what: packed, missing } } };
  say("freezing a guest ...");
  const guest = await Guest.start(home);
  try {
    const times = await interleaved(quick ? 5 : 31, {
      byHand: () => guest.pauseOf(byHand),
      byDriver: () => guest.pauseOf(byDriver),
      packed: () => guest.pauseOf(compressed),
    });
    const rest = { control: "the sequence by hand", unit: "ms", controls: times.byHand } as const;
    return {
      rows: {
        freeze: { what, ...rest, ours: times.byDriver },
        "freeze-zstd": { what: packed, ...rest, ours: times.packed },
      },
    };
  } finally {
    await guest.stop();
  }
}

function without(program: string, debianPackage: string): string | undefined {
  return spawnSync(program, ["--version"]).status === 0
    ? undefined
    : `${program} is not installed (Debian: ${debianPackage})`;
}

type Freeze = (guest: Guest, from: string, to: string, memory: string) => Promise<void>;

const byHand: Freeze = async ({ folder }, from, to, memory) => {
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
};

const byDriver: Freeze = async ({ driver }, from, to, memory) => {
  await driver.freeze(domain, { step: "freeze", overlays: [{ target: "vda", path: to, from }], memoryPath: memory });
};

const compressed: Freeze = async ({ driver }, from, to, memory) => {
  const overlays = [{ target: "vda", path: to, from }];
  await driver.freeze(domain, { step: "freeze", overlays, memoryPath: memory, memoryCompression: "zstd" });
};

/** An idle guest, emulated. */
class Guest {
  readonly folder: GuestFolder;
  readonly driver;
  readonly #home: string;
  #made = 0;

  private constructor(home: string) {
    const run = join(home, "run");
    this.#home = home;
    this.driver = qemuDriver({ run });
    this.folder = new GuestFolder(run, domain);
  }

  static async start(home: string): Promise<Guest> {
    const guest = new Guest(home);
    const base = join(home, "base.qcow2");
    const { status } = spawnSync("qemu-img", ["create", "-q", "-f", "qcow2", base, "8M"], { stdio: "inherit" });
    if (status !== 0) throw new Error("qemu-img could not make an image");
    const heads = [{ target: "vda", path: await guest.#overlay(base) }];
    const machine = { memoryMib, vcpus: 1, accelerator: "tcg" } as const;
    await guest.driver.start({ domain, heads, memory: null, paused: false, machine });
    return guest;
  }

  stop(): Promise<void> {
    return this.driver.stop(domain);
  }

  /** Milliseconds between QEMU's STOP and RESUME. */
  async pauseOf(freeze: Freeze): Promise<number> {
    const watching = await Qmp.connect(this.folder.file("look.sock"));
    const at = new Map<string, number>();
    watching.events.on("event", (event) => {
      const { seconds, microseconds } = (event as unknown as { timestamp?: { seconds: number; microseconds: number } })
        .timestamp ?? { seconds: 0, microseconds: 0 };
      at.set(event.event, seconds * 1000 + microseconds / 1000);
    });
    const [from = ""] = (await guestDisks(watching)).flatMap(({ chain: [head] }) => head ?? []);
    const to = await this.#overlay(from);
    await freeze(this, from, to, join(this.#home, `memory${this.#made}`));
    await watching.until(() => Promise.resolve(at.has("RESUME") ? true : undefined));
    watching.close();
    return (at.get("RESUME") ?? NaN) - (at.get("STOP") ?? NaN);
  }

  async #overlay(backing: string): Promise<string> {
    const path = join(this.#home, `layer${++this.#made}.qcow2`);
    const step = { step: "overlay", target: "vda", layer: "l", backingLayer: "b", virtualBytes: 2 ** 23 } as const;
    await this.driver.makeOverlay({ ...step, path, backing: { path: backing, format: "qcow2" } });
    return path;
  }
}
