/**
 * Records a store of today's format that holds every type of event, for later versions to prove themselves on:
 *
 *     npx tsx test/golden/record.ts format-1
 *
 * A recording that was released is never made again (docs/event-format.md says why): a new format gets a folder of its
 * own. Only what is printed of it may change, when its words do: `record.ts format-1 --printed`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, init } from "../../src/connection/connection.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import type { Command, DefineDomain } from "../../src/events/command.ts";
import { uuidv7 } from "../../src/events/ids.ts";
import { systemRandom } from "../../src/system/random.ts";
import { openStore } from "../../src/store/store.ts";
import type { Caller, Connection, Request } from "../../src/connection/api.ts";
import { deactivation, snapshotting, starting } from "../support/commands.ts";
import { makeQcow2, makeRaw, MiB, writePattern } from "../support/images.ts";
import { goldenFolder, plain, printedOf, recorded, statesOf, transcript } from "./golden.ts";

/** A log holds absolute paths: these, wherever it is recorded. */
const home = "/tmp/snapledger-golden";
const store = join(home, "store");

const actor = {
  ...{ user: "alice", uid: 1000, loginUid: 1000, sudoUser: null, host: "hv1", via: "library", knownBy: "claimed" },
};
const caller: Caller = { ...actor, pid: null };

/** Executes it; a refusal or a failure is recorded, and is what was wanted. */
type Run = (command: Command, request?: Request) => Promise<void>;

const definition = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };

function simulated(uuid: string, name: string): DefineDomain {
  const disks = [{ target: "vda", path: `/images/${name}.qcow2`, format: "qcow2" }] as const;
  return { type: "DefineDomain", uuid, name, driver: "memory", disks, ...definition };
}

/** Real images: two disks, branches, an autosave, compression, a refusal, a failure, merges, a discard. */
async function recordWeb(connection: Connection, run: Run): Promise<void> {
  await run({
    ...{ type: "DefineDomain", uuid: "0a0b0c0d-0e0f-4a0b-8c0d-0e0f0a0b0c0d", name: "web", driver: "qemu" },
    disks: [
      { target: "vda", path: await makeQcow2(join(home, "web.qcow2"), MiB), format: "qcow2" },
      { target: "vdb", path: makeRaw(join(home, "web-data.raw"), MiB), format: "raw" },
    ],
    unmanaged: [{ target: "sda", source: "/images/tools.iso", why: "it is a cdrom" }],
    ...{ memoryMib: 2048, vcpus: 2, layersFolder: null, xmlSha256: "0f".repeat(32) },
  });
  const guestWrites = async (byte: number) => {
    const [disk] = (await connection.domain("web")).disks;
    await writePattern(disk?.head.path ?? "", "qcow2", 0, 65536, byte);
  };
  const take = async (name: string, byte: number, options = {}, request: Request = {}) => {
    await guestWrites(byte);
    await run(snapshotting("web", name, options), request);
  };
  await take("installed", 1, { description: 'from <scratch> & "checked"\n快照 é' }, { commandId: "night 1" });
  await take("packed", 2, { compression: "zlib" });
  await take("upgraded", 3, {}, { reason: "patch day", ticket: "OPS-17" });
  await guestWrites(4);
  await run(starting("web", "packed"));
  await take("hotfix", 5);
  await take("tuned", 6);
  await run(deactivation("MergeSnapshot", "web", "hotfix"));
  await run(deactivation("MergeSnapshot", "web", "upgraded", { force: true }));
  const stop = new AbortController();
  await guestWrites(7);
  await run(snapshotting("web", "stopped", { compression: "zlib" }), {
    onProgress: () => stop.abort(),
    signal: stop.signal,
  });
  await run(starting("web", "installed"));
  await take("快照", 8);
  await take("branch", 9);
  await run(deactivation("DiscardSnapshot", "web", "branch"));
  await run(deactivation("DeactivateSnapshot", "web", "packed"));
  await take("last", 10);
}

/** A guest that runs: memory saved, loaded, and left out. */
async function recordDemo(run: Run): Promise<void> {
  await run(simulated("0a0b0c0d-0e0f-4a0b-8c0d-0e0f0a0b0c0e", "demo"));
  await run({ type: "StartDomain", domain: "demo", paused: false });
  await run(snapshotting("demo", "running", { offline: false }));
  await run(snapshotting("demo", "disks", { offline: false, diskOnly: true }));
  await run({ type: "DestroyDomain", domain: "demo" });
  await run(starting("demo", "running", { start: true }));
  await run({ type: "SuspendDomain", domain: "demo" });
  await run({ type: "ResumeDomain", domain: "demo" });
  await run({ type: "DestroyDomain", domain: "demo" });
  await run(snapshotting("demo", "off"));
}

/** One that is gone, and its base image merged into before. */
async function recordGone(run: Run): Promise<void> {
  await run(simulated("0a0b0c0d-0e0f-4a0b-8c0d-0e0f0a0b0c0f", "gone"));
  await run(snapshotting("gone", "first"));
  await run(snapshotting("gone", "second"));
  await run(deactivation("MergeSnapshot", "gone", "first"));
  await run({ type: "UndefineDomain", domain: "gone", keep: "discard-all" }, { reason: "moved away" });
}

/** What only damage and old copies bring about. */
async function recordMisfortunes(): Promise<void> {
  const clock = Date.now;
  const access = await openStore(store, { clock, newId: uuidv7(clock, systemRandom()), waitMs: 0, hold: false });
  const envelope = { domain: null, actor, reason: null, ticket: null, operation: null, commandId: null };
  const end = (position: number, digit: string) => ({ position, hash: `sha256:${digit.repeat(64)}` });
  const salvaged = { from: "0190a000-0000-7000-8000-00000000000a", lost: [{ first: 7, last: 9 }] };
  const misfortunes = [
    { type: "LogSalvaged", schema: 1, data: { ...salvaged, loose: [{ first: 10, last: 12 }] } },
    { type: "LogRolledBack", schema: 1, data: { known: end(40, "a"), found: end(30, "b") } },
    { type: "LogRestored", schema: 1, data: { found: end(30, "b"), time: "2026-11-24T22:00:00.000Z" } },
  ] as const;
  await access.use(async (log) => {
    for (const event of misfortunes) await log.append([{ ...envelope, ...event }]);
  });
  await access.close();
}

async function recordStore(): Promise<string[]> {
  await (await init(store, caller)).close();
  await recordMisfortunes();
  const connection = await connect({ store });
  const run: Run = async (command, request) => {
    try {
      await connection.execute(command, caller, request);
    } catch (error) {
      if (!isSnapledgerError(error)) throw error;
      console.log(`${command.type}: ${error.code}`);
    }
  };
  await recordWeb(connection, run);
  await connection.exportEvidence("web", join(home, "web.tar.gz"), { since: null, until: null }, caller, {
    ticket: "AUDIT-7",
  });
  await recordDemo(run);
  await recordGone(run);
  const lines: string[] = [];
  for await (const { line } of connection.read()) lines.push(line);
  await connection.close();
  return lines;
}

function write(folder: string, lines: readonly string[]): void {
  mkdirSync(folder); // fails if there is a recording
  writeFileSync(join(folder, recorded.log), lines.map((line) => `${line}\n`).join(""));
  writeFileSync(join(folder, recorded.states), `${JSON.stringify(plain(statesOf(lines)), null, 2)}\n`);
  const left = ["layers", "run", "checkpoints"].map((name) => `--exclude=./${name}/*`);
  execFileSync("tar", ["--owner=0", "--group=0", ...left, "-czf", join(folder, recorded.store), "-C", store, "."]);
}

const [name = "", option] = process.argv.slice(2);
if (!/^[\w-]+$/.test(name)) throw new Error("usage: record.ts NAME [--printed]");
process.env["TZ"] = "UTC";
const folder = goldenFolder(name);
if (option !== "--printed") {
  mkdirSync(home, { mode: 0o700 });
  try {
    write(folder, await recordStore());
  } finally {
    rmSync(home, { recursive: true });
  }
}
const lines = readFileSync(join(folder, recorded.log), "utf8").trimEnd().split("\n");
writeFileSync(join(folder, recorded.printed), transcript(printedOf(lines)));
