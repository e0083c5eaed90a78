import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** One figure of one candidate for one round: a rate, or a time. */
export type Candidate = () => Promise<number> | number;

/**
 * Runs all candidates in turn, round by round; resolves with each one's figures by round. Every round begins with
 * another one, so that none always comes after the same one. `pauseMs`: between two, for what the disk still has to do
 * of the one before, which must not be the next one's burden.
 */
export async function interleaved<Name extends string>(
  rounds: number,
  candidates: Readonly<Record<Name, Candidate>>,
  pauseMs = 0,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(candidates) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      figures[name].push(await candidates[name]());
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }
  return figures;
}

/** How long it takes, in milliseconds. */
export async function milliseconds(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** How much of the processor it takes, in milliseconds: for work that waits for nothing, whatever else is running. */
export async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * How much of the processor a program takes that `start` starts and waits for, in milliseconds: the mean of three, since
 * Linux tells it in hundredths of a second.
 */
export function childMs(start: () => void): number {
  const before = childrenMs();
  for (let i = 0; i < 3; i++) start();
  return (childrenMs() - before) / 3;
}

/** Of all that were waited for. See proc(5): cutime and cstime, which are the 14th and 15th after the program's name. */
function childrenMs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const [user = NaN, system = NaN] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(13, 15)
    .map(Number);
  return (user + system) * 10;
}
