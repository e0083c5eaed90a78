// runner.mjs: spreads seeds over workers and gathers what they say.
import { Worker } from "node:worker_threads";

/**
 * Runs seeds `from` up to `to`, exclusive; resolves with the sums, and with the report of the lowest seed that failed or
 * null. Each worker stops at its first failure, and the others with it.
 */
export async function runSeeds(file, { from, to, workers, verbose = false, onProgress = () => undefined }) {
  const total = { seeds: 0, records: 0, commands: 0, crashes: 0, faults: 0, restarts: 0, refusals: 0 };
  const passed = new Set();
  const crashed = new Map();
  const hashes = new Map();
  let report = null;
  const running = Array.from({ length: workers }, (_, i) => {
    const worker = new Worker(file, { workerData: { from: from + i, to, stride: workers, verbose } });
    worker.on("message", (said) => {
      total.seeds += said.done;
      total.records += said.records;
      for (const [key, count] of Object.entries(said.counts)) total[key] += count;
      for (const name of said.passed) passed.add(name);
      for (const [name, count] of said.crashed) crashed.set(name, (crashed.get(name) ?? 0) + count);
      for (const [seed, hash] of said.hashes) hashes.set(seed, hash);
      if (said.report && (!report || said.report.seed < report.seed)) report = said.report;
      onProgress(total.seeds);
    });
    return worker;
  });
  const ended = running.map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.once("error", reject);
        worker.once("exit", () => {
          if (report) for (const other of running) void other.terminate();
          resolve();
        });
      }),
  );
  await Promise.all(ended);
  return { total, passed, crashed, hashes, report };
}
