import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { connect } from "../../src/connection/connection.ts";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import { guestWrites, logLength, takeSnapshot, webUuid, withWeb } from "../support/scene.ts";
import type { Terminal } from "../support/built-cli.ts";
import { MiB } from "../support/images.ts";
import { countOf } from "../support/sample.ts";
import { contents, files, signal, unclean, untilAtWork } from "./killing.ts";
import type { Victims } from "./killing.ts";

/**
 * SIGKILL for real: of the command line, of the qemu-img at work under it, or of the command line alone while its
 * qemu-img lives on. Whatever was hit, the log says what is true, and every snapshot reads so, byte for byte.
 */

const roundsEach = countOf({ usual: 1, whole: 20 });
/** A tool may have ended before the signal: then the round is checked all the same, and another one is tried. */
const misses = 12;

interface CommandInFlight {
  readonly subcommand: string;
  /** How much it has to work on, so that it can be hit while it does, and about how long that takes it. */
  readonly bytes: number;
  readonly workMs: number;
  readonly args: readonly string[];
  /** What the domain reads as when the deed is in the log. */
  readonly done: (before: Contents) => Contents;
}
type Contents = Readonly<Record<string, string>>;

const [much, little] = [
  { bytes: 16 * MiB, workMs: 15 },
  { bytes: MiB, workMs: 0 },
];
const merge = {
  args: ["snapshot-deactivate", "web", "b", "--merge"],
  done: ({ b = "", ...rest }: Contents) => ({ ...rest, a: b }),
};
const taken = (before: Contents): Contents => ({ ...before, new: before["(head)"] ?? "" });
const deeds: readonly CommandInFlight[] = [
  { subcommand: "commit", ...much, ...merge },
  { subcommand: "rebase", ...little, ...merge },
  { subcommand: "create", ...little, args: ["snapshot-create-as", "web", "new", "--offline"], done: taken },
  {
    subcommand: "convert",
    ...much,
    args: ["snapshot-create", "--offline", "--compress", "web", "new.xml"],
    done: taken,
  },
];

const killings = {
  "the manager and its tool": ({ manager, tool }: Victims) => {
    manager.kill("SIGKILL");
    return Promise.resolve(signal(tool, "SIGKILL"));
  },
  "the tool alone": ({ tool }: Victims) => Promise.resolve(signal(tool, "SIGKILL")),
  "the manager alone": async ({ manager, tool, ended }: Victims, terminal: Terminal) => {
    const livesOn = signal(tool, "SIGSTOP");
    manager.kill("SIGKILL");
    await ended;
    try {
      if (livesOn) await expectNothingUndone(terminal);
    } finally {
      signal(tool, "SIGCONT");
    }
    return livesOn;
  },
};

const cases = deeds.flatMap((deed) =>
  Object.entries(killings).map(([who, kill]) => [who, deed.subcommand, { ...deed, kill }] as const),
);

test.concurrent.each(cases)(
  "%s killed in qemu-img %s: before or after, every byte, and recovered once",
  { timeout: 60_000 + 30_000 * roundsEach },
  async (_, subcommand, { bytes, workMs, args, done, kill }) => {
    let hits = 0;
    for (let round = 0; hits < roundsEach && round < 4 * roundsEach + misses; round++) {
      const web = await withChain(bytes);
      const before = await contents(web);
      const length = await logLength(web);
      const victims = await untilAtWork(web, subcommand, args, Math.random() * workMs);
      if (await kill(victims, web)) hits++;
      await victims.ended;

      await web.ok("recover", "--wait", "30");
      const after = (await decided(web, length)) ? done(before) : before;
      expect(await contents(web)).toEqual(after);
      await expectSettled(web, Object.keys(after).length);
    }
    expect(hits, "rounds that hit a tool at work").toBe(roundsEach);
  },
);

test.concurrent(
  "a link that is written late, by a tool that nobody had the time to note, leads to no file that is gone",
  { timeout: 120_000 },
  async () => {
    const web = await withChain(MiB);
    const before = await contents(web);
    // The link of c leads to a already, and by the log still to b.
    await died(withFakeTool(web, "check -r", "kill -9 $PPID $$"), ...merge.args);
    // It is put back, by a tool that is as slow as on a busy machine.
    await died(withFakeTool(web, "rebase", "kill -9 $PPID; sleep 2"), "recover");
    const noted = join(web.home, "store", "run", `${webUuid}.json`);
    writeFileSync(noted, JSON.stringify({ ...(JSON.parse(readFileSync(noted, "utf8")) as object), children: [] }));

    await web.ok("recover", "--wait", "60");
    await sleep(3000);
    expect(await contents(web)).toEqual(merge.done(before));
    await expectSettled(web, Object.keys(before).length - 1);
  },
);

async function died(web: Terminal, ...args: readonly string[]): Promise<void> {
  const child = web.start(...args);
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
}

/** `a <- b <- c` and the heads, with that much in `b` and in the heads. */
async function withChain(bytes: number): Promise<Terminal> {
  const web = await withWeb(bytes + MiB);
  await guestWrites(web, 1);
  await takeSnapshot(web, "a");
  await guestWrites(web, 2, bytes);
  await takeSnapshot(web, "b");
  await guestWrites(web, 3);
  await takeSnapshot(web, "c");
  await guestWrites(web, 4, bytes);
  writeFileSync(join(web.home, "new.xml"), "<domainsnapshot><name>new</name></domainsnapshot>");
  return web;
}

/** While the tool lives on, nobody touches its files: the next command says so, and changes nothing. */
async function expectNothingUndone(web: Terminal): Promise<void> {
  const before = [await logLength(web), files(web)];
  const { status, stderr } = await web.run("--wait", "0", "snapshot-create-as", "web", "later", "--offline");
  expect([status, stderr]).toEqual([5, expect.stringMatching(/^error \[IMAGE_LOCKED\] .*pid \d+.*\nhint: .*--wait/)]);
  expect([await logLength(web), files(web)]).toEqual(before);
}

async function expectSettled(web: Terminal, fileCount: number): Promise<void> {
  expect(files(web)).toHaveLength(fileCount);
  expect(unclean(web)).toEqual([]);
  const length = await logLength(web);
  expect(await web.ok("recover")).toContain("nothing to recover");
  expect(await logLength(web)).toBe(length);
}

/** The log holds the one event that the command's effect hangs on. */
async function decided(web: Terminal, length: number): Promise<boolean> {
  const connection = await connect({ store: join(web.home, "store") });
  try {
    for await (const { record } of connection.read({ from: length + 1 })) {
      if (record.type === "SnapshotMerged" || record.type === "SnapshotCreated") return true;
    }
    return false;
  } finally {
    await connection.close();
  }
}
