import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../src/connection/connection.ts";
import { builtProgram, environment, root, snapledgerShell } from "../command-line.ts";
import { median } from "../judge.ts";
import { interleaved, milliseconds } from "../rounds.ts";
import type { Bench, Finding, Findings, Subject } from "../row.ts";
import { logFolder } from "../stores.ts";
import { noVirsh, virshWith } from "../virsh.ts";

/** The command line from its start to its end: `snapshot-list` on stores of different sizes. */
export const list: Subject = {
  name: "list",
  about: "`snapshot-list` at 1k, 100k and 1M events, against a bare script that opens the same LevelDB, and virsh",
  rows: ["list-1k", "list-100k", "list-1m", "list-1m-virsh", "list-1m-virsh-shell"],
  run,
};

async function run({ quick, folder, stores, say }: Bench): Promise<Findings> {
  const program = builtProgram();
  const sizes = { "list-1k": 1000, "list-100k": quick ? 10_000 : 100_000, "list-1m": quick ? 50_000 : 1_000_000 };
  const rows: Record<string, Finding> = {};
  let once: readonly number[] = [];
  for (const [id, events] of Object.entries(sizes)) {
    const store = await stores.ofLives(events);
    const { name, snapshots } = await typicalDomain(store);
    say(`starting the command line on ${events} events ...`);
    const script = bareScript(logFolder(store));
    const times = await interleaved(quick ? 7 : 21, {
      bare: () => milliseconds(() => runNode(folder, script)),
      list: () => milliseconds(() => runNode(folder, program, "--store", store, "snapshot-list", name)),
    });
    rmSync(script);
    once = times.list;
    const what = `snapshot-list of ${snapshots}, ${events} events`;
    rows[id] = { what, control: "a bare script: one key", unit: "ms", ours: times.list, controls: times.bare };
  }
  return { rows: { ...rows, ...(await againstVirsh(folder, await stores.ofLives(sizes["list-1m"]), once)) } };
}

/** The same number of snapshots in virsh, which is told its commands in one process. */
async function againstVirsh(folder: string, store: string, once: readonly number[]): Promise<Record<string, Finding>> {
  const { name, snapshots } = await typicalDomain(store);
  const missing = noVirsh();
  const what = `snapshot-list of ${snapshots}, a process each`;
  if (missing !== undefined) {
    return { "list-1m-virsh": { what, missing }, "list-1m-virsh-shell": { what: "the same in the shell", missing } };
  }
  const [shell, virsh] = [snapledgerShell(store, folder), await virshWith(snapshots, folder)];
  const times = await interleaved(once.length, {
    ours: () => shell.milliseconds(`snapshot-list ${name}`),
    controls: () => virsh.milliseconds("snapshot-list test"),
  });
  await Promise.all([shell.end(), virsh.end()]);
  const rest = { control: "virsh, one process", unit: "ms" } as const;
  return {
    "list-1m-virsh": { what, ...rest, ours: once, controls: times.controls },
    "list-1m-virsh-shell": { what: "the same in the shell", ...rest, ...times },
  };
}

/** One with a middling number of snapshots, and with nothing under way that would be warned of. */
async function typicalDomain(store: string): Promise<{ name: string; snapshots: number }> {
  const connection = await connect({ store });
  const domains = (await connection.domains()).filter(({ operation }) => operation === null);
  await connection.close();
  const middle = median(domains.map(({ snapshots }) => snapshots));
  const nearest = domains.toSorted((a, b) => Math.abs(a.snapshots - middle) - Math.abs(b.snapshots - middle))[0];
  if (!nearest) throw new Error(`no domain in ${store}`);
  return nearest;
}

/** Below node_modules, so that it finds `level`. */
function bareScript(log: string): string {
  const script = join(root, "node_modules", ".snapledger-bare.cjs");
  const open = `new (require("level").Level)(${JSON.stringify(log)})`;
  writeFileSync(script, `const db = ${open}; db.get("0000000000000001").then(() => db.close());\n`);
  return script;
}

function runNode(home: string, ...args: readonly string[]): void {
  execFileSync(process.execPath, args, { env: environment(home), stdio: ["ignore", "ignore", "inherit"] });
}
