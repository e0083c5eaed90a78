import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Report } from "../simulate.ts";
import { knownFailpoints } from "../failpoints.ts";
import { bundle, root } from "./bundle.ts";
import { runSeeds } from "./runner.ts";
import type { Result } from "./runner.ts";

/**
 * Runs seeds of the simulation. Prints what was counted; a seed that fails is printed with its last steps and how to run
 * it again. Exits 1 then, and when a failpoint is new or nobody ever died there.
 *
 *   --seeds N    how many (10000)      --from N     the first (1)      --workers N  (2)
 *   --seed N     one alone             --verbose    all of its steps
 *   --failpoints adds new failpoints to the list, as rare ones, at which seeds aim: run again then
 */
const list = join(root, "test/simulation/failpoints.json");
/** So many seeds come to every failpoint, and somebody dies there. */
const everyPointSeeds = 10_000;
const lastSteps = 40;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const { values } = parseArgs({
  options: { seeds: text, from: text, workers: text, seed: text, verbose: flag, failpoints: flag },
});
const one = values.seed !== undefined;
const from = Number(values.seed ?? values.from ?? 1);
const seeds = one ? 1 : Number(values.seeds ?? everyPointSeeds);
const workers = one ? 1 : Number(values.workers ?? 2);
const verbose = one && values.verbose === true;
for (const number of [from, seeds, workers]) {
  if (!Number.isSafeInteger(number) || number < 1) throw new Error("Seeds and workers are numbers from 1 up.");
}

const folder = mkdtempSync(join(tmpdir(), "snapledger-simulation-"));
try {
  const file = join(folder, "simulation.mjs");
  await bundle(file);
  const began = performance.now();
  const result = await runSeeds(file, { from, to: from + seeds, workers, verbose, onProgress: showProgress });
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  process.exitCode = isGood(result, (performance.now() - began) / 1000) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function showProgress(done: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} seeds`);
}

function isGood({ total, passed, crashed, report }: Result, seconds: number): boolean {
  const { commands, refusals, crashes, faults, restarts, records } = total;
  if (report) show(report);
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1_000_000;
  console.log(
    `${total.seeds} seeds in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of processor time): ` +
      `${commands} commands, ${refusals} refusals, ${crashes} crashes, ${faults} faults, ${restarts} restarts, ` +
      `${records} records; ${crashed.size} of ${passed.size} failpoints crashed at`,
  );
  if (report && report.wrong.length > 0) return false;
  return one || areFailpointsKnown(passed, crashed);
}

function show({ seed, wrong, steps }: Report): void {
  const shown = verbose ? steps : steps.slice(-lastSteps);
  if (shown.length < steps.length) console.log(`... ${steps.length - shown.length} steps before`);
  console.log(shown.join("\n"));
  if (wrong.length === 0) return;
  console.log(`\nseed ${seed} failed: ${wrong.join("\n  ")}`);
  console.log(`again: npm run simulate -- --seed ${seed} --verbose`);
}

/** Every point is in the list, and at every one of the list somebody died. */
function areFailpointsKnown(passed: Result["passed"], crashed: Result["crashed"]): boolean {
  const fresh = [...passed.keys()].filter((name) => !knownFailpoints.has(name)).sort();
  const missed = seeds < everyPointSeeds ? [] : [...knownFailpoints].filter((name) => !crashed.has(name));
  for (const name of fresh) console.log(`new failpoint, not in failpoints.json: ${name}`);
  for (const name of missed) {
    const times = passed.get(name) ?? 0;
    console.log(`nobody died at this failpoint, which was passed ${times} times: ${name}`);
  }
  if (values.failpoints) addToList(fresh);
  return fresh.length === 0 && missed.length === 0;
}

/** The list never shrinks by itself. */
function addToList(fresh: readonly string[]): void {
  const lists = JSON.parse(readFileSync(list, "utf8")) as { common: string[]; rare: string[]; rarest: object };
  lists.rare = [...lists.rare, ...fresh].sort();
  writeFileSync(list, `${JSON.stringify(lists, null, 2)}\n`);
  console.log(`${fresh.length} failpoints were added to ${list}`);
}
