import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Report } from "../simulate.ts";
import type { Said, Share } from "../worker.ts";

export interface Wanted {
  /** The first seed. */
  readonly from: number;
  /** The seed after the last. */
  readonly to: number;
  readonly workers: number;
  readonly verbose?: boolean;
  readonly onProgress?: (seeds: number) => void;
}

export interface Result {
  readonly total: Report["counts"] & { seeds: number; records: number };
  /** How often processes came to each failpoint, and died there. */
  readonly passed: ReadonlyMap<string, number>;
  readonly crashed: ReadonlyMap<string, number>;
  /** Of the lowest seed that failed, or with `verbose` of the one that was asked for. */
  readonly report: Report | null;
}

/** What one command leaves behind is garbage soon: with more room for it, hardly any is copied (10 % of all time, measured). */
const resourceLimits = { maxYoungGenerationSizeMb: 96 };

function shared(number: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4)).fill(number);
}

/** Spreads seeds over workers. After a failure, only seeds below it are run. */
export async function runSeeds(
  file: string,
  { from, to, workers, verbose = false, onProgress }: Wanted,
): Promise<Result> {
  const total = { seeds: 0, records: 0, commands: 0, crashes: 0, faults: 0, restarts: 0, refusals: 0 };
  const passed = new Map<string, number>();
  const crashed = new Map<string, number>();
  let report: Report | null = null;
  const hear = (said: Said) => {
    total.seeds += said.done;
    total.records += said.records;
    for (const key of Object.keys(said.counts) as (keyof Said["counts"])[]) total[key] += said.counts[key];
    for (const [name, count] of said.passed) passed.set(name, (passed.get(name) ?? 0) + count);
    for (const [name, count] of said.crashed) crashed.set(name, (crashed.get(name) ?? 0) + count);
    if (said.report && (!report || said.report.seed < report.seed)) report = said.report;
    onProgress?.(total.seeds);
  };
  const share: Share = { next: shared(from), end: shared(to), verbose };
  const running = Array.from({ length: workers }, () =>
    new Worker(file, { workerData: share, resourceLimits }).on("message", hear),
  );
  const ended = running.map((worker) => once(worker, "exit"));
  try {
    await Promise.all(ended);
  } finally {
    for (const worker of running) void worker.terminate();
  }
  return { total, passed, crashed, report };
}
