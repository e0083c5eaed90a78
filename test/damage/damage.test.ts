import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { serialize } from "node:v8";
import { expect, it } from "vitest";
import type { Judged } from "./runner.ts";
import { quickFolder } from "../support/folders.ts";
import { countOf, seedOr } from "../support/sample.ts";
import { templates } from "./template.ts";

const count = countOf({ usual: 300, whole: 10_000 });
/** The first seed: SNAPLEDGER_TESTS=1 with the one that failed plays it again. */
const first = seedOr(1);
const runners = 2;

function start(templatesFile: string, folder: string): ChildProcess {
  const path = join(import.meta.dirname, "runner.ts");
  return fork(path, [templatesFile, folder], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

/** Judges the seeds that `next` gives, and goes on with another process when one dies of it. */
async function run(templatesFile: string, folder: string, next: () => number | undefined): Promise<Judged[]> {
  const all: Judged[] = [];
  let runner = start(templatesFile, folder);
  for (let seed = next(); seed !== undefined; seed = next()) {
    const judged = await ask(runner, seed);
    all.push(judged);
    if (runner.connected) continue;
    runner = start(templatesFile, folder);
  }
  runner.disconnect();
  return all;
}

async function ask(runner: ChildProcess, seed: number): Promise<Judged> {
  const ending = new AbortController();
  const died = once(runner, "exit", ending).then(([code, signal]) => `the process died of it (${code ?? signal})`);
  died.catch(() => undefined);
  runner.send(seed);
  let what = "";
  for (;;) {
    const message = await Promise.race([once(runner, "message", ending), died]);
    if (typeof message === "string") return { seed, what, verdict: null, salvaged: null, silent: message };
    const [judged] = message as [Judged];
    ({ what } = judged);
    if (!("silent" in judged)) continue;
    ending.abort();
    return judged;
  }
}

it(`${count} damages: each time the commands show the true history, or say that it is lost and what to do`, async () => {
  const folder = quickFolder();
  const templatesFile = join(folder, "templates");
  writeFileSync(templatesFile, serialize(await templates()));
  let seed = first;
  const next = () => (seed < first + count ? seed++ : undefined);
  const judged = (await Promise.all(Array.from({ length: runners }, () => run(templatesFile, folder, next)))).flat();
  const silent = judged.flatMap(({ seed: of, what, silent: why }) =>
    why === null ? [] : [`seed ${of}: ${what}: ${why}`],
  );
  const counted = (verdict: string) => judged.filter((one) => one.verdict === verdict).length;
  const tried = judged.flatMap(({ salvaged }) => salvaged ?? []);
  console.log(
    `${judged.length} damages from seed ${first}: ${counted("harmless")} harmless, ${counted("told")} told, ` +
      `${counted("old copy")} told by what was seen before, ${silent.length} silent; ` +
      `salvage tried on ${tried.length}, ${tried.reduce((sum, n) => sum + n, 0)} records brought back`,
  );
  expect(silent).toEqual([]);
  expect(judged).toHaveLength(count);
}, 7_200_000);
