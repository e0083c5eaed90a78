import { join } from "node:path";
import { connect, init } from "../../src/connection/connection.ts";
import type { Command } from "../../src/events/command.ts";
import type { Caller, Connection } from "../../src/connection/api.ts";
import { freshFolder } from "./folders.ts";
import { MiB, makeQcow2, writePattern } from "./images.ts";
import { Terminal } from "./built-cli.ts";

/** Stores and domains that the tests of the command line start from, made through the library: that is faster. */

export const webUuid = "0f0e0d0c-0b0a-4908-8706-050403020100";

const scenery: Caller = {
  ...{ user: "scenery", uid: null, loginUid: null, sudoUser: null, host: "test", via: "library" },
  ...{ knownBy: "claimed", pid: process.pid },
};

function storeOf({ home }: Terminal): string {
  return join(home, "store");
}

export async function withStore(): Promise<Terminal> {
  const terminal = new Terminal(freshFolder());
  await (await init(storeOf(terminal), scenery)).close();
  return terminal;
}

async function inside<T>(terminal: Terminal, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect({ store: storeOf(terminal) });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

export async function execute(terminal: Terminal, ...commands: readonly Command[]): Promise<void> {
  await inside(terminal, async (connection) => {
    for (const command of commands) await connection.execute(command, scenery);
  });
}

function define(name: string, driver: "qemu" | "memory", path: string): Command {
  return {
    ...{ type: "DefineDomain", uuid: webUuid, name, driver, disks: [{ target: "vda", path, format: "qcow2" }] },
    ...{ memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null },
  };
}

/** A domain `web` with one disk on a real qcow2 image. */
export async function withWeb(bytes = MiB): Promise<Terminal> {
  const terminal = await withStore();
  await execute(terminal, define("web", "qemu", await makeQcow2(join(terminal.home, "web.qcow2"), bytes)));
  return terminal;
}

/** A simulated domain `demo` whose guest can run. */
export async function withDemo(): Promise<Terminal> {
  const terminal = await withStore();
  await execute(terminal, define("demo", "memory", "/nowhere/demo.qcow2"));
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
  const back = {
    type: "CreateWithSnapshot",
    domain: "web",
    snapshot: "a",
    start: false,
    discardChanges: false,
  } as const;
  await execute(terminal, back);
  await guestWrites(terminal, 4);
  await takeSnapshot(terminal, "c");
  return terminal;
}

export async function takeSnapshot(terminal: Terminal, name: string): Promise<void> {
  const how = { description: "", compression: null, offline: true, diskOnly: false };
  await execute(terminal, { type: "CreateSnapshot", domain: "web", name, ...how });
}

export async function headFile(terminal: Terminal): Promise<string> {
  const { disks } = await inside(terminal, (connection) => connection.domain("web"));
  return disks[0]?.head.path ?? "";
}

/** Fills the beginning of the guest's disk. */
export async function guestWrites(terminal: Terminal, byte: number, bytes = 65536): Promise<void> {
  await writePattern(await headFile(terminal), "qcow2", 0, bytes, byte);
}

export async function names(terminal: Terminal, domain = "web"): Promise<string[]> {
  const snapshots = await inside(terminal, (connection) => connection.snapshots(domain));
  return snapshots.map(({ name }) => name);
}

/** How many records the log has: what changed nothing has added none. */
export async function logLength(terminal: Terminal): Promise<number> {
  return (await inside(terminal, (connection) => connection.head())).position;
}
