import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyStore } from "../../src/store/repair/verify-store.ts";
import { HeadFile } from "../../src/store/head-file.ts";
import { initStore } from "../../src/store/store.ts";
import { restore } from "../../src/connection/maintenance.ts";
import { connect } from "../../src/connection/connection.ts";
import { caller } from "../support/two-domains.ts";
import { quickFolder } from "../support/folders.ts";
import { actor } from "../support/events.ts";
import { pointsOf, whole } from "../support/sample.ts";
import { append, lastPosition, parts } from "../support/stores.ts";
import { FaultyDisk, type Fault, type Worked } from "./faulty.ts";
import { hasCompiler } from "./faults.ts";

/**
 * Each call that changes something on the disk fails once, or from then on: in whole every one of them, else every
 * so-manieth.
 */
const compiler = hasCompiler();
if (!compiler) console.log("Without gcc and libc6-dev the tests of a disk that fails are skipped.");

let disk: FaultyDisk;
const folder = quickFolder();
beforeAll(async () => {
  if (compiler) disk = await FaultyDisk.make(folder);
});
afterAll(() => {
  if (compiler) disk.remove();
});

async function storeOf(count: number): Promise<string> {
  const store = join(quickFolder(), "store");
  await initStore(store, { ...parts, actor });
  await append(store, count);
  return store;
}

const faults: readonly Fault[] = ["ENOSPC", "EIO", "EROFS", "short"];
const honest =
  /^(open \d+|ok \d+|read \d+|done|failed (DISK_FULL|STORE_UNSAFE|LOG_UNWRITABLE|STORE_NOT_FOUND|STORE_EXISTS|FILE_NOT_FOUND) with a hint)$/;

/** Tries call after call until none is left to fail. */
async function everyCall(
  { fault, keep, step }: { fault: Fault; keep: boolean; step: number },
  attempt: (at: number) => Promise<Worked>,
): Promise<void> {
  let hits = 0;
  const points = pointsOf(step);
  for (let at = points.first; at < 3000; at += points.step) {
    const worked = await attempt(at);
    const what = `call ${at}, ${fault}${keep ? " from then on" : ""}: ${worked.lines.join(", ")} ${worked.stderr}`;
    expect(worked.signal, what).toBeNull();
    for (const line of worked.lines) expect(line, what).toMatch(honest);
    if (!worked.hit) {
      expect(hits).toBeGreaterThan(2);
      return;
    }
    hits += 1;
  }
  throw new Error("it never ran without a fault");
}

const cases = faults.flatMap((fault) => [true, false].map((keep) => ({ fault, keep })));
/** Each fault, and both ways, but not each fault both ways. */
const some = whole ? cases : cases.filter((_, i) => [0, 3, 4, 7].includes(i));

describe.runIf(compiler)("on a disk that fails", () => {
  it.each(cases)("($fault, from then on: $keep) no append that was acknowledged is lost", async ({ fault, keep }) => {
    const template = await storeOf(5);
    await everyCall({ fault, keep, step: 20 }, async (at) => {
      const place = join(quickFolder(), "store");
      cpSync(template, place, { recursive: true });
      const worked = await disk.run(place, { fault, at, keep }, "append", place);
      await judgeAppends(place, worked);
      rmSync(join(place, ".."), { recursive: true });
      return worked;
    });
  });

  it.each(some)("($fault, from then on: $keep) init makes a store or none", async ({ fault, keep }) => {
    await everyCall({ fault, keep, step: 10 }, async (at) => {
      const place = join(quickFolder(), "new");
      const worked = await disk.run(place, { fault, at, keep }, "init", place);
      if (worked.lines.includes("done") || existsSync(join(place, "log"))) await expectSound(place, 1);
      else await initStore(place, { ...parts, actor });
      expect(await lastPosition(place)).toBe(1);
      return worked;
    });
  });

  it.each(some)("($fault, from then on: $keep) a backup is whole or not there", async ({ fault, keep }) => {
    const store = await storeOf(5);
    await everyCall({ fault, keep, step: 4 }, async (at) => {
      const place = join(quickFolder(), "backups");
      mkdirSync(place);
      const file = join(place, "log.tar.gz");
      const worked = await disk.run(place, { fault, at, keep }, "backup", file, store);
      if (worked.lines.includes("done")) expect(readdirSync(place)).toContain("log.tar.gz");
      if (existsSync(file)) expect(await restore(file, join(place, "restored"), caller)).toMatchObject({ position: 7 });
      return worked;
    });
  });

  it.each(some)("($fault, from then on: $keep) a restore is whole or not there", async ({ fault, keep }) => {
    const store = await storeOf(5);
    const file = join(quickFolder(), "log.tar.gz");
    const connection = await connect({ store });
    await connection.backup(file);
    await connection.close();
    await everyCall({ fault, keep, step: 18 }, async (at) => {
      const place = join(quickFolder(), "new");
      const worked = await disk.run(place, { fault, at, keep }, "restore", place, file);
      if (!worked.lines.includes("done") && !existsSync(join(place, "log"))) await restore(file, place, caller);
      await expectSound(place, 7);
      return worked;
    });
  });

  it.each(some)("($fault, from then on: $keep) a salvage is whole or not there", async ({ fault, keep }) => {
    const damaged = await storeOf(5);
    rmSync(join(damaged, "head"));
    await everyCall({ fault, keep, step: 18 }, async (at) => {
      const place = join(quickFolder(), "new");
      const worked = await disk.run(place, { fault, at, keep }, "salvage", place, damaged);
      if (worked.lines.includes("done") || existsSync(join(place, "log"))) await expectSound(place, 7);
      return worked;
    });
  });
});

async function expectSound(store: string, position: number): Promise<void> {
  expect(await verifyStore(store, { waitMs: 0 })).toMatchObject({ ok: true, valid: position });
}

/** What was said, against what the next start finds: it needs no help. */
async function judgeAppends(store: string, { lines }: Worked): Promise<void> {
  const numbers = (word: string) =>
    lines.flatMap((line) => (line.startsWith(word) ? [Number(line.split(" ")[1])] : []));
  const [acknowledged, read] = [Math.max(6, ...numbers("ok ")), numbers("read ")[0]];
  if (read !== undefined) expect(read).toBeGreaterThanOrEqual(acknowledged);
  const sinceOpen = lines.slice(lines.findIndex((line) => line.startsWith("open ")));
  const firstFailed = sinceOpen.findIndex((line) => line.startsWith("failed "));
  if (firstFailed > 0) {
    const later = sinceOpen.slice(firstFailed);
    const refused = "failed LOG_UNWRITABLE with a hint";
    expect(later, lines.join(", ")).toEqual([refused, refused, `read ${read}`, "done"]);
  }
  expect(HeadFile.read(join(store, "head"))?.position, lines.join(", ")).toBeGreaterThanOrEqual(acknowledged);
  const found = await lastPosition(store);
  expect(found).toBeGreaterThanOrEqual(acknowledged);
  await append(store, 1);
  await expectSound(store, found + 1);
}
