import { fork } from "node:child_process";
import { once } from "node:events";
import { Random } from "../support/random.ts";
import type { Campaign } from "./campaign.ts";
import { headers } from "./headers.ts";
import { names } from "./names.ts";
import { records } from "./records.ts";
import { xml } from "./xml.ts";

/**
 * All campaigns, in two processes: `npm run soak:hostile`. `-- --only xml --from 1 --count 1000` narrows it;
 * `-- --only xml --from 4711 --count 1` plays one again, with its stack.
 */
export const campaigns: readonly Campaign[] = [xml, names, records, headers];

export interface Result {
  readonly campaign: string;
  readonly count: number;
  readonly outcomes: Record<string, number>;
  readonly findings: readonly string[];
  readonly milliseconds: number;
  /** The longest that one input took, in milliseconds of processor time. */
  readonly slowest: { readonly seed: number; readonly cpuMs: number };
  readonly rssBytes: { readonly before: number; readonly most: number };
}

const every = 2000;

/** Checks the inputs of these seeds: first, first + step, … `count` of them in all. Goes on after a finding, up to ten. */
export async function run(campaign: Campaign, first: number, count: number, step = 1): Promise<Result> {
  const outcomes: Record<string, number> = {};
  const findings: string[] = [];
  const begun = performance.now();
  let slowest = { seed: first, cpuMs: 0 };
  let rss: Result["rssBytes"] | undefined;
  for (let n = 0, seed = first; n < count && findings.length < 10; n++, seed += step) {
    const before = process.cpuUsage();
    try {
      const outcome = await campaign.check(new Random(seed));
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      findings.push(
        `${campaign.name} ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 > slowest.cpuMs) slowest = { seed, cpuMs: (user + system) / 1000 };
    if (n % every !== every - 1) continue;
    const now = process.memoryUsage.rss();
    // What the first inputs load and compile stays: growth is counted from there.
    rss = { before: rss?.before ?? now, most: Math.max(rss?.most ?? 0, now) };
  }
  const now = process.memoryUsage.rss();
  const milliseconds = performance.now() - begun;
  return {
    campaign: campaign.name,
    count,
    outcomes,
    findings,
    milliseconds,
    slowest,
    rssBytes: rss ?? { before: now, most: now },
  };
}

async function inTwo(campaign: Campaign, first: number, count: number): Promise<boolean> {
  const results = await Promise.all(
    [0, 1].map((part) => one(campaign.name, first + part, Math.ceil((count - part) / 2))),
  );
  const outcomes: Record<string, number> = {};
  for (const { outcomes: some } of results)
    for (const [what, n] of Object.entries(some)) outcomes[what] = (outcomes[what] ?? 0) + n;
  const seconds = Math.max(...results.map(({ milliseconds }) => milliseconds)) / 1000;
  const slowest = results.map((result) => result.slowest).sort((a, b) => b.cpuMs - a.cpuMs)[0];
  const mib = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
  const memory = results.map(({ rssBytes: { before, most } }) => `${mib(before)} to ${mib(most)}`).join(", ");
  console.log(
    `${campaign.name}: ${count} in ${seconds.toFixed(1)} s (${Math.round(count / seconds)}/s), ${JSON.stringify(outcomes)}`,
  );
  console.log(
    `  memory ${memory}; slowest ${slowest?.seed ?? 0}: ${slowest?.cpuMs.toFixed(0) ?? ""} ms of processor time`,
  );
  const findings = results.flatMap((result) => result.findings);
  for (const finding of findings) console.log(finding);
  const grown = results.some(({ rssBytes: { before, most } }) => most - before > 256 * 1024 ** 2);
  if (grown) console.log(`${campaign.name}: memory grew by more than 256 MiB`);
  return findings.length === 0 && !grown && (slowest?.cpuMs ?? 0) < 1000;
}

async function one(name: string, first: number, count: number): Promise<Result> {
  const child = fork(import.meta.filename, ["--worker", name, String(first), String(count)], {
    execArgv: ["--import", "tsx"],
  });
  const [result] = (await Promise.race([once(child, "message"), died(child)])) as [Result];
  return result;
}

async function died(child: ReturnType<typeof fork>): Promise<never> {
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  throw new Error(`the process died of it (${String(code ?? signal)})`);
}

const [, script, ...args] = process.argv;
if (script === import.meta.filename) await main();

async function main(): Promise<void> {
  if (args[0] === "--worker") {
    const [, name, first, count] = args;
    const campaign = campaigns.find((each) => each.name === name);
    if (campaign) process.send?.(await run(campaign, Number(first), Number(count), 2));
    return;
  }
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  const only = option("--only");
  for (const campaign of campaigns) {
    if (only !== undefined && campaign.name !== only) continue;
    const sound = await inTwo(campaign, Number(option("--from") ?? 1), Number(option("--count") ?? campaign.soak));
    if (!sound) process.exitCode = 1;
  }
}
