/**
 * Runs benchmarks and judges them: `npm run bench -- --help`. Only ratios to a control in the same run mean anything:
 * machines differ, and a disk differs from hour to hour.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isRed, judge, type Bounds, type Judged } from "./judge.ts";
import { load, machine } from "./machine.ts";
import { loadPeers, type Peers } from "./peers.ts";
import { drawn } from "./plot.ts";
import { markdown, table } from "./report.ts";
import type { Bench, Curve, Subject } from "./row.ts";
import { Stores } from "./stores.ts";
import { subjects } from "./subjects.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    markdown: { type: "boolean", default: false },
    plot: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

const help = `npm run bench -- [--only SUBJECT]... [--quick] [--json FILE] [--markdown] [--plot]

  --only SUBJECT  one of those below; may be given several times
  --quick         fewer rounds and smaller sizes: to see that it works, its figures are worth little
  --json FILE     write every figure of every round to a file, too
  --markdown      print the table as it stands in docs/performance.md
  --plot          draw the curves into docs/

${subjects.map(({ name, about }) => `  ${name.padEnd(8)}${about}`).join("\n")}

Exit status: 0 when no bound of bench/bounds.json is missed by more than the noise, else 1; 2 for a subject that does not exist.`;

/** A folder here, and the docs' that pictures go to. */
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const say = (progress: string): void => void process.stderr.write(`${progress}\n`);

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  const unknown = values.only.find((name) => !subjects.some((subject) => subject.name === name));
  if (unknown !== undefined) {
    console.error(`There is no subject "${unknown}".\n\n${help}`);
    return 2;
  }
  const chosen = subjects.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  const bounds = JSON.parse(readFileSync(here("bounds.json"), "utf8")) as Bounds;
  const before = machine();
  const { rows, curves, figures } = await measure(chosen, bounds);
  const settings = values.quick ? "quick: sizes and rounds are too small for these figures to be quoted" : "";
  console.log([before, `load afterwards ${load()}`, settings].filter((line) => line !== "").join("\n"), "\n");
  console.log(values.markdown ? markdown(rows) : table(rows));
  if (values.json !== undefined)
    writeFileSync(values.json, JSON.stringify({ machine: before, rows, figures, curves }, null, 2));
  const note = `${before}${values.quick ? ". From a quick run: worth little." : ""}`;
  if (values.plot) for (const curve of curves) writeFileSync(here(`../docs/bench-${curve.id}.svg`), drawn(curve, note));
  return rows.some(({ verdict }) => isRed(verdict)) ? 1 : 0;
}

async function measure(chosen: readonly Subject[], bounds: Bounds) {
  const home = mkdtempSync(join(tmpdir(), "snapledger-bench-"));
  const stores = new Stores(home, say);
  let peers: Peers | undefined;
  const rows: Judged[] = [];
  const curves: Curve[] = [];
  const figures: Record<string, unknown> = {};
  try {
    for (const subject of chosen) {
      const folder = join(home, subject.name);
      mkdirSync(folder);
      const start = performance.now();
      const bench: Bench = { quick: values.quick, folder, stores, peers: () => (peers ??= loadPeers(say)), say };
      const found = await subject.run(bench);
      for (const id of subject.rows) {
        const [finding, bound] = [found.rows[id], bounds[id]];
        if (!finding || !bound) throw new Error(`${subject.name} gave no ${id}, or it has no bound`);
        rows.push(judge(subject.name, id, finding, bound));
        figures[id] = finding;
      }
      curves.push(...(found.curves ?? []));
      rmSync(folder, { recursive: true });
      say(`${subject.name}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
  return { rows, curves, figures };
}

process.exitCode = await main();
