/**
 * Makes a store with a few hundred operations on four domains, on real images, and an incident among them: somebody
 * merged with force, and a snapshot that another team relied on is gone. docs/investigating.md finds out who and why.
 *
 *     npx tsx examples/incident.ts NEW_FOLDER [NIGHTS]
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect, init, isSnapledgerError } from "../src/index.ts";
import type { Caller, Command, Connection, Request } from "../src/index.ts";

const run = promisify(execFile);
const domains = ["build", "db", "mail", "web"] as const;

function person(user: string, uid: number, sudoUser: string | null = null): Caller {
  return { user, uid, loginUid: uid, sudoUser, host: "ops1", via: "library", knownBy: "claimed", pid: process.pid };
}
const nightly = person("nightly", 990);
const dana = person("dana", 1004);
const oscar = person("root", 0, "oscar");

const deactivation = { force: false, discardChanges: false };
const create = (domain: string, name: string, description = ""): Command => ({
  ...({ type: "CreateSnapshot", domain, name, description } as const),
  ...{ compression: null, offline: true, diskOnly: false },
});
const moveTo = (domain: string, snapshot: string): Command => ({
  ...({ type: "CreateWithSnapshot", domain, snapshot, start: false, discardChanges: false } as const),
});
const merge = (domain: string, snapshot: string, force = false): Command => ({
  ...({ type: "MergeSnapshot", domain, snapshot } as const),
  ...{ ...deactivation, force },
});

export async function makeIncident(folder: string, nights: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  const store = join(folder, "store");
  await (await init(store, dana)).close();
  const connection = await connect({ store, hold: true });
  try {
    for (const domain of domains) await define(connection, folder, domain);
    for (let night = 1; night <= nights; night++) {
      if (night === Math.ceil(nights / 2)) await migration(connection);
      for (const domain of domains) await nightlyOf(connection, domain, night);
    }
    return `${(await connection.head()).position} records in ${store}`;
  } finally {
    await connection.close();
  }
}

async function define(connection: Connection, folder: string, name: string): Promise<void> {
  const path = join(folder, `${name}.qcow2`);
  await run("qemu-img", ["create", "-q", "-f", "qcow2", path, "8M"]);
  const rest = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };
  const disks = [{ target: "vda", path, format: "qcow2" }] as const;
  await connection.execute({ type: "DefineDomain", uuid: randomUUID(), name, driver: "qemu", disks, ...rest }, dana);
  await connection.execute(create(name, "installed", "as delivered"), dana, { reason: "baseline", ticket: "CHG-100" });
}

/** A snapshot a night; the one of three nights before goes into the one above it, unless somebody branched off. */
async function nightlyOf(connection: Connection, domain: string, night: number): Promise<void> {
  await write(connection, domain, night);
  await attempt(connection, create(domain, `night-${night}`), nightly, { reason: "nightly job" });
  if (night > 3)
    await attempt(connection, merge(domain, `night-${night - 2}`), nightly, { reason: "nightly keeps three" });
}

/** The incident. */
async function migration(connection: Connection): Promise<void> {
  const ticket = { reason: "schema migration 42", ticket: "CHG-204" };
  await attempt(connection, create("db", "before-migration", "roll back to this"), dana, ticket);
  await write(connection, "db", 200);
  await attempt(connection, create("db", "migrated"), dana, ticket);
  // She goes back to look at the old schema, and works from there.
  await attempt(connection, moveTo("db", "installed"), dana, { ...ticket, reason: "compare with the old schema" });
  await write(connection, "db", 201);
  await attempt(connection, create("db", "compare"), dana, ticket);
  const space = { reason: "free space on ops1", ticket: "OPS-977" };
  await attempt(connection, merge("db", "compare"), oscar, space);
  await attempt(connection, merge("db", "compare", true), oscar, space);
  await attempt(connection, moveTo("db", "before-migration"), dana, { reason: "roll back", ticket: "INC-31" });
}

/** A refusal is part of the story: it is in the log. */
async function attempt(connection: Connection, command: Command, caller: Caller, request: Request): Promise<void> {
  try {
    await connection.execute(command, caller, request);
  } catch (error) {
    if (!isSnapledgerError(error)) throw error;
  }
}

/** What a guest would do: other bytes in the first 64 KiB of its disk. */
async function write(connection: Connection, domain: string, byte: number): Promise<void> {
  const { disks } = await connection.domain(domain);
  await run("qemu-io", ["-f", "qcow2", "-c", `write -P ${byte % 256} 0 64k`, disks[0]?.head.path ?? ""]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder, nights = "25"] = process.argv;
  if (folder === undefined) throw new Error("usage: incident NEW_FOLDER [NIGHTS]");
  console.log(await makeIncident(resolve(folder), Number(nights)));
}
