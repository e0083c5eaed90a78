import { parentPort, workerData } from "node:worker_threads";
import { Failpoints } from "./failpoints.ts";
import { simulate } from "./simulate.ts";
import type { Report } from "./simulate.ts";

/** Runs a share of the seeds: `from`, `from + stride` … below `to`. Stops at the first that fails, unless told to go on. */
export interface Share {
  readonly from: number;
  readonly to: number;
  readonly stride: number;
  /** Tell every step of every run. */
  readonly verbose: boolean;
}

/** What a worker says: after some seeds, and at the end. */
export interface Said {
  readonly done: number;
  readonly records: number;
  readonly counts: Report["counts"];
  readonly passed: readonly (readonly [string, number])[];
  readonly crashed: readonly (readonly [string, number])[];
  /** The run that failed, or with `verbose` the one that was asked for. */
  readonly report: Report | null;
}

const seedsAtOnce = 25;

async function work({ from, to, stride, verbose }: Share): Promise<void> {
  for (let first = from; first < to; first += stride * seedsAtOnce) {
    const failpoints = new Failpoints();
    const counts = { commands: 0, crashes: 0, faults: 0, restarts: 0, refusals: 0 };
    let done = 0;
    let records = 0;
    let failed: Report | null = null;
    for (let seed = first; seed < Math.min(to, first + stride * seedsAtOnce) && !failed; seed += stride) {
      const report = await simulate(seed, failpoints, verbose);
      for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += report.counts[key];
      records += report.records;
      done += 1;
      if (seed === first) await expectSame(report, seed);
      // Once more, with every step told.
      if (verbose || report.wrong.length > 0) failed = verbose ? report : await simulate(seed, new Failpoints(), true);
    }
    const { passed, crashed } = failpoints;
    const points = { passed: [...passed], crashed: [...crashed] };
    const said: Said = { done, records, counts, ...points, report: failed };
    parentPort?.postMessage(said);
    if (failed) return;
  }
}

/** The same seed has the same log, to the last byte: its last hash covers all of it. */
async function expectSame(report: Report, seed: number): Promise<void> {
  const again = await simulate(seed);
  if (again.hash !== report.hash) throw new Error(`seed ${seed} ran otherwise the second time`);
}

await work(workerData as Share);
