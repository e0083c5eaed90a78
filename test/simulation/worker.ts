import { parentPort, workerData } from "node:worker_threads";
import { Failpoints } from "./failpoints.ts";
import { simulate } from "./simulate.ts";
import type { Report } from "./simulate.ts";

/** What all workers take seeds from, some at a time, until none is left. */
export interface Share {
  /** The first seed that nobody has taken. */
  readonly next: Int32Array;
  /** The seed after the last, shared by all workers: a seed that fails becomes the end, so that the lowest is found. */
  readonly end: Int32Array;
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

async function work({ next, end, verbose }: Share): Promise<void> {
  const isBefore = (seed: number) => seed < Atomics.load(end, 0);
  const take = () => Atomics.add(next, 0, seedsAtOnce);
  for (let first = take(); isBefore(first); first = take()) {
    const failpoints = new Failpoints();
    const counts = { commands: 0, crashes: 0, faults: 0, restarts: 0, refusals: 0 };
    let done = 0;
    let records = 0;
    let failed: Report | null = null;
    for (let seed = first; seed < first + seedsAtOnce && isBefore(seed); seed++) {
      const report = await simulate(seed, failpoints, verbose);
      for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += report.counts[key];
      records += report.records;
      done += 1;
      if (seed === first) await expectSame(report, seed);
      // Once more, with every step told.
      if (verbose || report.wrong.length > 0) failed = verbose ? report : await simulate(seed, new Failpoints(), true);
      if (failed) endAt(end, seed);
    }
    const { passed, crashed } = failpoints;
    const points = { passed: [...passed], crashed: [...crashed] };
    const said: Said = { done, records, counts, ...points, report: failed };
    parentPort?.postMessage(said);
    if (failed) return;
  }
}

function endAt(end: Int32Array, seed: number): void {
  for (let was = Atomics.load(end, 0); was > seed; was = Atomics.load(end, 0))
    Atomics.compareExchange(end, 0, was, seed);
}

/** The same seed has the same log, to the last byte: its last hash covers all of it. */
async function expectSame(report: Report, seed: number): Promise<void> {
  const again = await simulate(seed);
  if (again.hash !== report.hash) throw new Error(`seed ${seed} ran otherwise the second time`);
}

await work(workerData as Share);
