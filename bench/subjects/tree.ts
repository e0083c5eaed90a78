import { connect } from "../../src/connection/connection.ts";
import { snapledgerShell } from "../command-line.ts";
import type { Dialogue } from "../dialogue.ts";
import { median } from "../judge.ts";
import { runInProcess } from "../one-process.ts";
import { interleaved, processorMs } from "../rounds.ts";
import type { Bench, Curve, Finding, Findings, Subject } from "../row.ts";
import { noVirsh, virshWith } from "../virsh.ts";

/** Lists and trees of domains with many snapshots. */
export const tree: Subject = {
  name: "tree",
  about: "`snapshot-list` and `--tree` at 100, 1,000 and 5,000 snapshots: per snapshot, and against virsh",
  rows: [
    ...["list-cost", "tree-cost"],
    ...["list-virsh-100", "list-virsh-1000", "list-virsh-5000"],
    ...["tree-virsh-100", "tree-virsh-1000", "tree-virsh-5000"],
  ],
  run,
};

const sizes = [100, 1000, 5000] as const;
const kinds = { list: [], tree: ["--tree"] } as const;
type Kind = keyof typeof kinds;

/** Milliseconds by round, of a list and of a tree. */
type Times = Readonly<Record<Kind, readonly number[]>>;

async function run(bench: Bench): Promise<Findings> {
  const held = await heldTimes(bench);
  const shell = new Map<number, Times>();
  const virsh = new Map<number, Times>();
  const missing = noVirsh();
  if (missing === undefined) {
    for (const size of sizes) {
      const times = await dialogues(bench, size);
      shell.set(size, times.shell);
      virsh.set(size, times.virsh);
    }
  }
  const rows: Record<string, Finding> = {};
  for (const kind of ["list", "tree"] as const) {
    rows[`${kind}-cost`] = {
      ...{ what: `${kind}, per snapshot of 5000`, control: "per snapshot of 100", unit: "µs" },
      ours: perSnapshot(held, kind, 5000),
      controls: perSnapshot(held, kind, 100),
    };
    for (const size of sizes) {
      const what = `${kind} of ${size} snapshots in the shell`;
      const [ours, controls] = [shell.get(size)?.[kind] ?? [], virsh.get(size)?.[kind] ?? []];
      rows[`${kind}-virsh-${size}`] =
        missing === undefined ? { what, control: "virsh, one process", unit: "ms", ours, controls } : { what, missing };
    }
  }
  return { rows, curves: missing === undefined ? [curve(shell, virsh)] : [] };
}

/** In this process, with the store kept open: what listing itself takes of the processor. */
async function heldTimes({ quick, stores, say }: Bench): Promise<Map<number, Times>> {
  say("listing in one process ...");
  const [small, large] = [await stores.ofSnapshots(100), await stores.ofSnapshots(5000)];
  const [few, many] = [await connect({ store: small, hold: true }), await connect({ store: large, hold: true })];
  const work = (connection: typeof few, kind: Kind, times: number) => async () => {
    const run = async () => {
      for (let i = 0; i < times; i++) await runInProcess("snapshot-list", connection, "web", ...kinds[kind]);
    };
    return (await processorMs(run)) / times;
  };
  const candidates = {
    list100: work(few, "list", 50),
    list5000: work(many, "list", 1),
    tree100: work(few, "tree", 50),
    tree5000: work(many, "tree", 1),
  };
  // What runs for the first time is compiled for the first time.
  await interleaved(3, candidates);
  const times = await interleaved(quick ? 7 : 21, candidates);
  await Promise.all([few.close(), many.close()]);
  return new Map([
    [100, { list: times.list100, tree: times.tree100 }],
    [5000, { list: times.list5000, tree: times.tree5000 }],
  ]);
}

function perSnapshot(times: ReadonlyMap<number, Times>, kind: Kind, size: number): number[] {
  return (times.get(size)?.[kind] ?? []).map((ms) => (ms / size) * 1000);
}

/** Both told the same through a pipe, in turn. */
async function dialogues({ quick, folder, stores, say }: Bench, size: number) {
  say(`listing ${size} snapshots in the shell and in virsh ...`);
  const shell = snapledgerShell(await stores.ofSnapshots(size), folder);
  const virsh = await virshWith(size, folder);
  const asked = (to: Dialogue, domain: string, kind: Kind) => () =>
    to.milliseconds(["snapshot-list", domain, ...kinds[kind]].join(" "));
  const times = await interleaved(quick ? 5 : 15, {
    shellList: asked(shell, "web", "list"),
    virshList: asked(virsh, "test", "list"),
    shellTree: asked(shell, "web", "tree"),
    virshTree: asked(virsh, "test", "tree"),
  });
  await Promise.all([shell.end(), virsh.end()]);
  return {
    shell: { list: times.shellList, tree: times.shellTree },
    virsh: { list: times.virshList, tree: times.virshTree },
  };
}

function curve(shell: ReadonlyMap<number, Times>, virsh: ReadonlyMap<number, Times>): Curve {
  const series = (name: string, times: ReadonlyMap<number, Times>, kind: Kind) => ({
    name,
    points: [...times].map(([size, by]) => [size, median(by[kind])] as const),
  });
  return {
    ...{ id: "tree", title: "Lists and trees", x: "snapshots", y: "milliseconds" },
    series: [
      series("snapledger shell, tree", shell, "tree"),
      series("snapledger shell, list", shell, "list"),
      series("virsh, tree", virsh, "tree"),
      series("virsh, list", virsh, "list"),
    ],
  };
}
