import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, processId } from "../../src/system/process-id.ts";
import type { ProcessId } from "../../src/system/process-id.ts";

/** Stores whose program was killed half-way, and what must be read of them after recovery. */

export const killedFolder = join(import.meta.dirname, "killed");

/** Of each recording: the store with its images, the log's lines at the death, and what is expected. */
export const recorded = { store: "store.tar.gz", log: "log.ndjson", expected: "expected.json" } as const;

export interface Expected {
  readonly command: readonly string[];
  readonly killed: string;
  /** By the log's rule: done when the log held the outcome event at the death, else undone. */
  readonly ended: "done" | "undone";
  /** Names, sorted; null when the domain is not defined. */
  readonly snapshots: readonly string[] | null;
  /** SHA-256 of every byte of the base image, of the head and of each snapshot, by what was written. */
  readonly content: Readonly<Record<string, string>>;
}

export const [base, head] = ["(base)", "(head)"];
export const imageOf = (home: string): string => join(home, "web.qcow2");

/** A log and its images hold absolute paths: each recording is made, and unpacked, below this one. */
const place = "/tmp/snapledger-golden-killed";
const claim = join(place, "claimed-by.json");
const claimWaitMs = 40_000;

/** Makes the fixed folder for this process. What a dead one left is removed; a living one is waited for. */
export async function claimPlace(): Promise<void> {
  const deadline = Date.now() + claimWaitMs;
  for (;;) {
    try {
      mkdirSync(place, { mode: 0o700 });
      writeFileSync(claim, JSON.stringify(processId(process.pid)));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = holderOf();
    if (holder && !isAlive(holder)) rmSync(place, { recursive: true, force: true });
    else if (Date.now() < deadline) await sleep(200);
    else throw new Error(`${place} is there: ${holder ? `process ${holder.pid} uses it` : "remove it if you can"}`);
  }
}

export function releasePlace(): void {
  if (holderOf()?.pid === process.pid) rmSync(place, { recursive: true, force: true });
}

/** undefined when it was not made by `claimPlace`, or is just being made or removed. */
function holderOf(): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(claim, "utf8")) as ProcessId;
  } catch {
    return undefined;
  }
}

/** An empty home, 0700. */
export function makeHome(name: string): string {
  const home = join(place, name);
  mkdirSync(home, { mode: 0o700 });
  return home;
}

/** The log knows the times of images to the nanosecond, which only the format `posix` keeps. */
export function pack(home: string, file: string): void {
  // A dead process leaves the sockets that it was found by.
  const without = ["--warning=no-file-ignored"];
  execFileSync("tar", ["--format=posix", ...without, "--owner=0", "--group=0", "-czf", file, "-C", home, "."]);
}

export function unpack(name: string): string {
  const home = makeHome(name);
  execFileSync("tar", ["-xpzf", join(killedFolder, name, recorded.store), "--no-same-owner", "-C", home]);
  return home;
}
