import { execFileSync } from "node:child_process";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Level } from "level";
import { connect } from "../../src/connection/connection.ts";
import type { Connection } from "../../src/connection/api.ts";
import { recordKeys } from "../../src/events/level/keys.ts";
import { caller } from "../caller.ts";
import { builtProgram, environment, root } from "../command-line.ts";
import { SnapshotHistory } from "../history.ts";
import { runInProcess } from "../one-process.ts";
import { childMs, interleaved, processorMs } from "../rounds.ts";
import type { Bench, Finding, Findings, Subject } from "../row.ts";
import { fillStore, logFolder } from "../stores.ts";

/** What grows neither with a domain's snapshots nor with a store's domains. */
export const scale: Subject = {
  name: "scale",
  about: "creates, lists, openings and the log's end at 16,300 snapshots of a domain, and among 5,000 domains",
  rows: [
    ...["create-snapshots", "create-domains"],
    ...["list-domains", "list-domains-process"],
    ...["open-snapshots", "open-domains", "log-snapshots", "log-domains", "snapshot-list-domains"],
  ],
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const sizes = bench.quick ? { snapshots: 1600, domains: 500 } : { snapshots: 16_300, domains: 5000 };
  return {
    rows: {
      ...(await creates(bench, sizes)),
      ...(await lists(bench, sizes.domains)),
      ...(await processes(bench, sizes)),
    },
  };
}

interface Sizes {
  /** A few below the most that a domain may have, since each round takes some more. */
  readonly snapshots: number;
  readonly domains: number;
}

const few = { snapshots: 100, domains: 10 } as const;

async function creates({ quick, folder, stores, say }: Bench, sizes: Sizes): Promise<Record<string, Finding>> {
  say(`commands among ${sizes.snapshots} snapshots, and among ${sizes.domains} domains ...`);
  const web = async (snapshots: number) => {
    const store = join(folder, `web-${snapshots}`);
    await fillStore(store, new SnapshotHistory(snapshots).events);
    return Creating.in(store, "web", "s1");
  };
  const vm = async (domains: number) => {
    const store = join(folder, `domains-${domains}`);
    cpSync(await stores.ofDomains(domains), store, { recursive: true });
    return Creating.in(store, "vm-7", null);
  };
  const in_ = {
    fewSnapshots: await web(few.snapshots),
    manySnapshots: await web(sizes.snapshots),
    fewDomains: await vm(few.domains),
    manyDomains: await vm(sizes.domains),
  };
  const candidates = {
    fewSnapshots: () => in_.fewSnapshots.milliseconds(),
    manySnapshots: () => in_.manySnapshots.milliseconds(),
    fewDomains: () => in_.fewDomains.milliseconds(),
    manyDomains: () => in_.manyDomains.milliseconds(),
  };
  // The first ones read the state, and are compiled.
  await interleaved(2, candidates);
  const times = await interleaved(quick ? 3 : 15, candidates);
  await Promise.all(Object.values(in_).map((one) => one.close()));
  return {
    "create-snapshots": {
      ...{ what: `a whole create, ${sizes.snapshots} snapshots`, control: `the same, ${few.snapshots} snapshots` },
      ...{ unit: "ms", ours: times.manySnapshots, controls: times.fewSnapshots },
    },
    "create-domains": {
      ...{ what: `a whole create, ${sizes.domains} domains`, control: `the same, ${few.domains} domains` },
      ...{ unit: "ms", ours: times.manyDomains, controls: times.fewDomains },
    },
  };
}

/** Creates of the simulated driver, from the first look at the log to the answer. */
class Creating {
  readonly #connection: Connection;
  readonly #domain: string;
  /** Where each starts from, so that the chain does not grow; null: from where the last one ended. */
  readonly #from: string | null;
  #made = 0;

  private constructor(connection: Connection, domain: string, from: string | null) {
    this.#connection = connection;
    this.#domain = domain;
    this.#from = from;
  }

  static async in(store: string, domain: string, from: string | null): Promise<Creating> {
    return new Creating(await connect({ store, hold: true }), domain, from);
  }

  /** Of the processor, for one of four. */
  async milliseconds(): Promise<number> {
    let sum = 0;
    for (let i = 0; i < 4; i++) sum += await this.#create();
    return sum / 4;
  }

  async #create(): Promise<number> {
    const { domain, snapshot } = { domain: this.#domain, snapshot: this.#from };
    const start = { start: false, discardChanges: true };
    if (snapshot !== null)
      await this.#connection.execute({ type: "CreateWithSnapshot", domain, snapshot, ...start }, caller);
    const how = { description: "", compression: null, offline: true, diskOnly: false };
    const create = { type: "CreateSnapshot", domain, name: `made-${++this.#made}`, ...how } as const;
    return processorMs(() => this.#connection.execute(create, caller));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** `list`, against a scan of as many records: in this process, and in processes of their own. */
async function lists({ quick, folder, stores, say }: Bench, domains: number): Promise<Record<string, Finding>> {
  say(`listing ${domains} domains ...`);
  const store = await stores.ofDomains(domains);
  const log = join(folder, "bare");
  cpSync(logFolder(store), log, { recursive: true });
  const [connection, db] = [await connect({ store, hold: true }), new Level(log)];
  const candidates = {
    scan: () => processorMs(() => scan(db, domains)),
    list: () => processorMs(() => runInProcess("list", connection)),
  };
  await interleaved(5, candidates);
  const times = await interleaved(quick ? 7 : 31, candidates);
  await Promise.all([connection.close(), db.close()]);
  const script = scanningScript(log, domains);
  const program = builtProgram();
  const started = await interleaved(quick ? 5 : 15, {
    scan: () => childMs(() => runNode(folder, script)),
    list: () => childMs(() => runNode(folder, program, "--store", store, "list")),
  });
  rmSync(script);
  const [what, control] = [`list of ${domains} domains`, `a bare scan of ${domains} records`];
  return {
    "list-domains": { what: `${what}, in process`, control, unit: "ms", ours: times.list, controls: times.scan },
    "list-domains-process": {
      ...{ what: `${what}, a process each`, control: `a bare script: ${control}`, unit: "ms" },
      ...{ ours: started.list, controls: started.scan },
    },
  };
}

async function scan(db: Level, records: number): Promise<void> {
  const values = db.values({ ...recordKeys(1), limit: records, highWaterMarkBytes: 4 * 1024 * 1024 });
  let read = 0;
  for (let lines = await values.nextv(1000); lines.length > 0; lines = await values.nextv(1000)) read += lines.length;
  await values.close();
  if (read !== records) throw new Error(`${read} records were read, not ${records}`);
}

/** Below node_modules, so that it finds `level`. */
function scanningScript(log: string, records: number): string {
  const script = join(root, "node_modules", ".snapledger-scan.cjs");
  const range = JSON.stringify({ ...recordKeys(1), limit: records, highWaterMarkBytes: 4 * 1024 * 1024 });
  writeFileSync(
    script,
    `const db = new (require("level").Level)(${JSON.stringify(log)});
(async () => {
  const values = db.values(${range});
  while ((await values.nextv(1000)).length > 0);
  await values.close();
  await db.close();
})();
`,
  );
  return script;
}

function runNode(home: string, ...args: readonly string[]): void {
  execFileSync(process.execPath, args, { env: environment(home), stdio: ["ignore", "ignore", "inherit"] });
}

/** Openings, the log's end and a short list, as processes of their own: in a large store and in a small one. */
async function processes({ quick, folder, stores, say }: Bench, sizes: Sizes): Promise<Record<string, Finding>> {
  say("starting the command line in small stores and in large ones ...");
  const program = builtProgram();
  const start =
    (store: string, ...args: readonly string[]) =>
    () =>
      childMs(() => runNode(folder, program, "--store", store, ...args));
  const rounds = quick ? 5 : 15;
  const rows: Record<string, Finding> = {};
  const compare = async (id: string, what: string, [small, large]: readonly [string, string], args: string[]) => {
    const { ours, controls } = await interleaved(rounds, {
      controls: start(small, ...args),
      ours: start(large, ...args),
    });
    rows[id] = { what, control: "the same in a small store", unit: "ms", ours, controls };
  };
  const domains = [await stores.ofDomains(few.domains), await stores.ofDomains(sizes.domains)] as const;
  const snapshots = [await stores.ofSnapshots(few.snapshots), await stores.ofSnapshots(sizes.snapshots)] as const;
  const end = ["log", "--limit", "20", "--reverse"];
  await compare("open-snapshots", `opening (head), ${sizes.snapshots} snapshots`, snapshots, ["head"]);
  await compare("open-domains", `opening (head), ${sizes.domains} domains`, domains, ["head"]);
  await compare("log-snapshots", `the last 20 of the log, ${sizes.snapshots} snapshots`, snapshots, end);
  await compare("log-domains", `the last 20 of the log, ${sizes.domains} domains`, domains, end);
  const list = ["snapshot-list", "vm-7"];
  await compare("snapshot-list-domains", `snapshot-list of 1, ${sizes.domains} domains`, domains, list);
  return rows;
}
