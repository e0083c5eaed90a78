import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileFaults, hasCompiler } from "../disk/faults.ts";
import type { Played } from "./round.ts";
import { Tally } from "./tally.ts";
import type { Said } from "./worker.ts";

/**
 * `npm run soak -- [--rounds N] [--seed N] [--kills N] [--jobs N] [--verbose] [--keep]`: kills the command line and its
 * qemu-img for real, over random trees on real images, and reads every byte after each. One line a round; then how many
 * kills hit what. Exits 1 when a round failed: that prints its seed, and its folder is kept.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    kills: { type: "string", default: "8" },
    jobs: { type: "string", default: "2" },
    program: { type: "string", default: fileURLToPath(new URL("../../dist/snapledger.cjs", import.meta.url)) },
    verbose: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});
const [rounds, first, kills, jobs] = [values.rounds, values.seed, values.kills, values.jobs].map(Number) as [
  number,
  number,
  number,
  number,
];

/** One fold in so many rounds is killed at 50 instants, evenly spread over it. */
const sweepEvery = 20;
const sweepKills = 50;
const roundAtMostMs = 600_000;

const tally = new Tally();
const started = performance.now();
const own = mkdtempSync(join(tmpdir(), "snapledger-soak-"));
const faults = hasCompiler() ? compileFaults(own) : null;
const failed: number[] = [];
let next = first;
let last = first + rounds;
// The rounds that are being played are played to their end, and told with the rest.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => (last = next));

async function work(): Promise<void> {
  let worker = startWorker();
  while (next < last) {
    const seed = next++;
    const sweep = seed % sweepEvery === 0;
    const folder = mkdtempSync(join(tmpdir(), `snapledger-soak-${seed}-`));
    const begun = performance.now();
    const said = await ask(worker, {
      seed,
      kills: sweep ? sweepKills : kills,
      sweep,
      folder,
      program: values.program,
      faults,
    });
    const took = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
    if ("played" in said) {
      tally.add(said.played);
      console.log(`round ${seed}: ${told(said.played, sweep)}, ${took}`);
    } else {
      failed.push(seed);
      console.log(`round ${seed} FAILED after ${took}: ${said.failed}`);
      console.log(`  its files: ${folder}`);
      console.log(`  again: npm run soak -- --rounds 1 --seed ${seed} --kills ${kills} --verbose --keep`);
      if (!worker.connected) worker = startWorker();
    }
    if ("played" in said && !values.keep) rmSync(folder, { recursive: true, force: true });
  }
  if (worker.connected) worker.disconnect();
}

function told({ what, hits, missed, before, after }: Played, sweep: boolean): string {
  const how = sweep ? "one fold swept, " : "";
  return `${what}; ${how}${hits.length} killed (${missed} had ended), ${before} undone, ${after} done`;
}

function startWorker(): ChildProcess {
  return fork(join(import.meta.dirname, "worker.ts"), [], { execArgv: ["--import", "tsx"] });
}

async function ask(worker: ChildProcess, game: object): Promise<Exclude<Said, { line: string }>> {
  const ending = new AbortController();
  const died = once(worker, "exit", ending).then(([code, signal]) => ({
    failed: `the worker died (${code ?? signal})`,
  }));
  died.catch(() => undefined);
  const late = setTimeout(() => void worker.kill("SIGKILL"), roundAtMostMs);
  worker.send(game);
  try {
    for (;;) {
      const message = await Promise.race([once(worker, "message", ending), died]);
      if ("failed" in message) return message;
      const [said] = message as [Said];
      if (!("line" in said)) return said;
      if (values.verbose) console.log(`  ${said.line}`);
    }
  } finally {
    clearTimeout(late);
    ending.abort();
  }
}

await Promise.all(Array.from({ length: Math.min(jobs, rounds) }, work));
rmSync(own, { recursive: true });
if (faults === null) console.log("\nnote: without gcc and libc6-dev nobody is killed at a certain call.");
console.log(tally.told());
console.log(
  `${last - first} rounds from seed ${first} in ${Math.round((performance.now() - started) / 1000)} s: ` +
    (failed.length === 0 ? "0 acknowledged records lost, 0 wrong bytes" : `FAILED: ${failed.join(", ")}`),
);
process.exitCode = failed.length === 0 ? 0 : 1;
