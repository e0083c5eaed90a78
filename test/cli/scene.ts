import { join } from "node:path";
import type { DomainInfo, SnapshotInfo } from "../../src/face.ts";
import { freshFolder } from "../folders.ts";
import { MiB, makeQcow2, writePattern } from "../images.ts";
import { Terminal } from "./process.ts";

/** Stores and domains that the tests of the command line start from, all made through the command line. */

export const webUuid = "0f0e0d0c-0b0a-4908-8706-050403020100";

export async function withStore(environment: NodeJS.ProcessEnv = {}): Promise<Terminal> {
  const terminal = new Terminal(freshFolder(), environment);
  await terminal.ok("init");
  return terminal;
}

/** A domain `web` with one disk on a real qcow2 image of 1 MiB. */
export async function withWeb(): Promise<Terminal> {
  const terminal = await withStore();
  await makeQcow2(join(terminal.home, "web.qcow2"), MiB);
  await terminal.ok("define", "--name", "web", "--disk", "vda=web.qcow2", "--uuid", webUuid);
  return terminal;
}

/** A simulated domain `demo` whose guest can run. */
export async function withDemo(): Promise<Terminal> {
  const terminal = await withStore();
  await terminal.ok("define", "--driver", "memory", "--name", "demo", "--disk", "vda=/nowhere/demo.qcow2");
  return terminal;
}

/** `web` with `root <- a <- {b, c}`: other data at each point, the heads on c and clean. */
export async function withTree(): Promise<Terminal> {
  const terminal = await withWeb();
  await guestWrites(terminal, 1);
  await takeSnapshot(terminal, "root");
  await guestWrites(terminal, 2);
  await takeSnapshot(terminal, "a");
  await guestWrites(terminal, 3);
  await takeSnapshot(terminal, "b");
  await terminal.ok("create-with-snapshot", "web", "a", "--no-start");
  await guestWrites(terminal, 4);
  await takeSnapshot(terminal, "c");
  return terminal;
}

export async function takeSnapshot(terminal: Terminal, name: string): Promise<void> {
  await terminal.ok("snapshot-create-as", "web", name, "--offline");
}

export async function headFile(terminal: Terminal): Promise<string> {
  const { disks } = (await terminal.json("dominfo", "web")) as DomainInfo;
  return disks[0]?.head.path ?? "";
}

/** Fills the first 64 KiB of the guest's disk. */
export async function guestWrites(terminal: Terminal, byte: number): Promise<void> {
  await writePattern(await headFile(terminal), "qcow2", 0, 65536, byte);
}

export async function names(terminal: Terminal, domain = "web"): Promise<string[]> {
  const snapshots = (await terminal.json("snapshot-list", domain)) as SnapshotInfo[];
  return snapshots.map(({ name }) => name);
}

/** How many records the log has: what changed nothing has added none. */
export async function logLength(terminal: Terminal): Promise<number> {
  return ((await terminal.json("head")) as { position: number }).position;
}
