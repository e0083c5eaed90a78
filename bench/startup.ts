import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, init } from "../src/connection.ts";
import type { Command } from "../src/events/command.ts";
import type { Caller, Connection } from "../src/face.ts";

/**
 * How fast the command line starts: `snapshot-list` on a large store against a bare script that opens the same LevelDB
 * and reads one key. The aim is a ratio of at most 1.3. Run `npm run build` first; then
 * `tsx bench/startup.ts [DOMAINS] [SNAPSHOTS_PER_DOMAIN]`.
 */

const [domains = 20, snapshots = 100] = process.argv.slice(2).map(Number);
const rounds = 20;
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "snapledger-bench-"));
const store = join(folder, "store");

const caller: Caller = {
  ...{ user: "bench", uid: null, loginUid: null, sudoUser: null, host: "bench", via: "library" },
  ...{ knownBy: "claimed", pid: process.pid },
};

try {
  await (await init(store, caller)).close();
  const connection = await connect({ store, hold: true });
  for (let i = 0; i < domains; i++) await fillDomain(connection, `web${i}`);
  const { position } = await connection.head();
  await connection.close();
  report(position, measure());
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A chain of simulated snapshots, begun again from the first one before it gets too deep. */
async function fillDomain(connection: Connection, name: string): Promise<void> {
  const uuid = crypto.randomUUID();
  const disks = [{ target: "vda", path: `/nowhere/${name}.qcow2`, format: "qcow2" }] as const;
  const rest = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };
  const run = (command: Command) => connection.execute(command, caller);
  await run({ type: "DefineDomain", uuid, name, driver: "memory", disks, ...rest });
  for (let i = 0; i < snapshots; i++) {
    const how = { description: "", compression: null, offline: true, diskOnly: false };
    await run({ type: "CreateSnapshot", domain: name, name: `s${i}`, ...how });
    if (i % 100 < 99) continue;
    const start = { start: false, discardChanges: false };
    await run({ type: "CreateWithSnapshot", domain: name, snapshot: "s0", ...start });
  }
}

/** Median milliseconds of each, taken in turns. */
function measure(): { readonly bare: number; readonly list: number } {
  const script = join(root, "node_modules", ".snapledger-bare.cjs");
  const open = `new (require("level").Level)(${JSON.stringify(join(store, "log"))})`;
  writeFileSync(script, `const db = ${open}; db.get("0000000000000001").then(() => db.close());\n`);
  const cli = join(root, "dist", "snapledger.cjs");
  const times = { bare: [] as number[], list: [] as number[] };
  for (let i = 0; i < rounds; i++) {
    times.bare.push(timed(script));
    times.list.push(timed(cli, "--store", store, "snapshot-list", "web0"));
  }
  rmSync(script);
  return { bare: median(times.bare), list: median(times.list) };
}

function timed(...args: readonly string[]): number {
  const before = performance.now();
  execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  return performance.now() - before;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function report(events: number, { bare, list }: { readonly bare: number; readonly list: number }): void {
  console.log(
    `${events} events, ${domains} domains of ${snapshots} snapshots; ${cpus().length} CPUs, Node ${process.version}`,
  );
  console.log(`bare script   ${bare.toFixed(1)} ms`);
  console.log(`snapshot-list ${list.toFixed(1)} ms, ${(list / bare).toFixed(2)} of it (aim: at most 1.3)`);
}
