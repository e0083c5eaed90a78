/**
 * Records stores whose program is killed, with its whole process group, in the middle of each kind of operation:
 *
 *     npx tsx test/golden/record-killed.ts PROGRAM [NAME...]
 *
 * PROGRAM is the command line's built file, `dist/snapledger.cjs`, of the version that is to be recorded; without names
 * all are recorded. A recording that is there is never made again. What every snapshot must read as is told by a model
 * of the writes alone: no program of ours is asked.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseRecord } from "../../src/events/seal.ts";
import { KiB, makeQcow2, MiB, writePattern } from "../support/images.ts";
import { Terminal } from "../support/terminal.ts";
import { base, claimPlace, head, imageOf, killedFolder, makeHome, pack, recorded, releasePlace } from "./killed.ts";
import type { Expected } from "./killed.ts";

const bytes = MiB;
const defining = (home: string) => {
  const uuid = "0f0e0d0c-0b0a-4908-8706-050403020100";
  return ["define", "--uuid", uuid, "--name", "web", "--disk", `vda=${imageOf(home)},format=qcow2`];
};

type Content = ReadonlyMap<string, Buffer>;

/** The instant of the death. */
type Instant =
  /** After the first qemu-img with this subcommand. */
  | { readonly tool: string }
  /** The record is in the database, and the head file knows of it, or does not yet. */
  | { readonly event: string; readonly when: "before the head file" | "after the head file" }
  /** After the n-th of the domain's layer files is gone. */
  | { readonly unlinked: number };

interface Case {
  /** Snapshots taken before, with a write before each. */
  readonly taken: readonly string[];
  /** Whether the head is written to after them. */
  readonly dirty?: boolean;
  readonly command: readonly string[] | "define";
  readonly at: Instant;
  /** The content that must be read when the command is done; absent: it is undone. null: the domain is gone. */
  readonly done?: (before: Content, autosave: string) => Content | null;
}

const chain = ["a", "b", "c"];
const create = ["snapshot-create-as", "--offline", "--disk-only", "web", "new"];
const merge = ["snapshot-deactivate", "--merge", "web", "b"];
const mergeRoot = ["snapshot-deactivate", "--merge", "web", "a"];
const discard = ["snapshot-deactivate", "--discard-force", "web", "b"];
const startFrom = ["create-with-snapshot", "--no-start", "web", "a"];
const undefine = ["undefine", "--discard-all", "web"];

const changed = (content: Content, changes: Readonly<Record<string, Buffer | undefined>>): Content =>
  new Map([...content, ...Object.entries(changes)].flatMap(([name, read]) => (read ? [[name, read] as const] : [])));
const taken = (before: Content) => changed(before, { new: before.get(head) });
const merged = (before: Content) => without(changed(before, { a: before.get("b") }), "b");
const mergedIntoBase = (before: Content) => without(changed(before, { [base]: before.get("a") }), "a");
const discarded = (before: Content) => without(changed(before, { [head]: before.get("a") }), "b", "c");
const startedFrom = (before: Content, autosave: string) =>
  changed(before, { [autosave]: before.get(head), [head]: before.get("a") });
const deactivated = (before: Content) => changed(before, { [head]: before.get("b") });

const acknowledged = "after the head file";
const unacknowledged = "before the head file";

const cases: Readonly<Record<string, Case>> = {
  "define-undone": { taken: [], command: "define", at: { tool: "create" } },
  "define-done": {
    ...{ taken: [], command: "define", at: { event: "DomainDefined", when: unacknowledged } },
    done: (before) => before,
  },
  "create-undone": { taken: ["a"], dirty: true, command: create, at: { tool: "create" } },
  "create-done": {
    ...{ taken: ["a"], dirty: true, command: create, at: { event: "SnapshotCreated", when: unacknowledged } },
    done: taken,
  },
  "compressed-undone": {
    ...{ taken: ["a"], dirty: true, command: [...create, "--compress"], at: { tool: "convert" } },
  },
  "compressed-done": {
    ...{ taken: ["a"], dirty: true, command: [...create, "--compress"] },
    ...{ at: { event: "SnapshotCreated", when: acknowledged }, done: taken },
  },
  "start-from-undone": { taken: chain, dirty: true, command: startFrom, at: { tool: "create" } },
  "start-from-done": {
    ...{ taken: chain, dirty: true, command: startFrom, at: { event: "HeadsMoved", when: acknowledged } },
    done: startedFrom,
  },
  "deactivate-undone": {
    ...{ taken: chain, command: ["snapshot-deactivate", "web", "c"], at: { tool: "create" } },
  },
  "deactivate-done": {
    ...{ taken: chain, command: ["snapshot-deactivate", "web", "c"] },
    ...{ at: { event: "SnapshotDeactivated", when: acknowledged }, done: deactivated },
  },
  "merge-intent": {
    ...{ taken: chain, dirty: true, command: merge, at: { event: "OperationStarted", when: acknowledged } },
  },
  "merge-event": {
    ...{ taken: chain, dirty: true, command: merge, at: { event: "SnapshotMerged", when: unacknowledged } },
    done: merged,
  },
  "merge-committed": {
    ...{ taken: chain, dirty: true, command: merge, at: { tool: "commit" }, done: merged },
  },
  "merge-repointed": {
    ...{ taken: chain, dirty: true, command: merge, at: { tool: "rebase" }, done: merged },
  },
  "merge-compacted": {
    ...{ taken: chain, dirty: true, command: merge, at: { event: "LayersCompacted", when: acknowledged } },
    done: merged,
  },
  "merge-into-base-event": {
    ...{ taken: chain, dirty: true, command: mergeRoot, at: { event: "SnapshotMerged", when: acknowledged } },
    done: mergedIntoBase,
  },
  "merge-into-base-committed": {
    ...{ taken: chain, dirty: true, command: mergeRoot, at: { tool: "commit" } },
    done: mergedIntoBase,
  },
  "merge-into-base-repointed": {
    ...{ taken: chain, dirty: true, command: mergeRoot, at: { tool: "rebase" } },
    done: mergedIntoBase,
  },
  "discard-event": {
    ...{ taken: chain, dirty: true, command: discard, at: { event: "SnapshotDiscarded", when: acknowledged } },
    done: discarded,
  },
  "discard-unlinked": {
    ...{ taken: chain, dirty: true, command: discard, at: { unlinked: 1 }, done: discarded },
  },
  "undefine-event": {
    ...{ taken: chain, dirty: true, command: undefine, at: { event: "DomainUndefined", when: acknowledged } },
    done: () => null,
  },
  "undefine-unlinked": { taken: chain, dirty: true, command: undefine, at: { unlinked: 2 }, done: () => null },
};

function without(content: Content, ...names: readonly string[]): Content {
  return new Map([...content].filter(([name]) => !names.includes(name)));
}

/** Runs in the program before its own code: another host's name, and the deaths that no tool can bring about. */
const preload = `
const fs = require("node:fs");
require("node:os").hostname = () => "hv1";
const at = JSON.parse(process.env.GOLDEN_INSTANT ?? "{}");
const log = process.env.SNAPLEDGER_STORE + "/log/";
const die = () => process.kill(0, "SIGKILL");
// LevelDB begins a new file each time that it opens: the newest holds what this process has written.
function written() {
  const names = fs.readdirSync(log).filter((name) => name.endsWith(".log")).sort();
  return names.length > 0 && fs.readFileSync(log + names.at(-1), "latin1").includes('"type":"' + at.event + '"');
}
if (at.event) {
  const [name, ahead] = at.when === "before the head file" ? ["writeSync", true] : ["fdatasyncSync", false];
  const real = fs[name];
  fs[name] = (...args) => {
    if (ahead && written()) die();
    const result = real(...args);
    if (!ahead && written()) die();
    return result;
  };
}
if (at.unlinked) {
  let left = at.unlinked;
  const count = (path) => {
    if (/\\/layers\\/.*\\.qcow2$/.test(path) && --left === 0) die();
  };
  const { unlinkSync } = fs;
  fs.unlinkSync = (path) => {
    unlinkSync(path);
    count(path);
  };
  const { unlink } = fs.promises;
  fs.promises.unlink = async (path) => {
    await unlink(path);
    count(path);
  };
}
`;

/** A qemu-img that does its work, and kills its process group. */
const fakeTool = (subcommand: string): string =>
  `#!/bin/sh\nPATH=\${PATH#*:}\n[ "$1" != ${subcommand} ] || { qemu-img "$@"; kill -9 0; }\nexec qemu-img "$@"\n`;

/** `web` as a guest and its operator use it, and what each of its names must read as. */
class Scene {
  readonly home: string;
  readonly terminal: Terminal;
  content: Content = new Map([[base, Buffer.alloc(bytes)]]);
  #writes = 0;

  constructor(home: string, terminal: Terminal) {
    this.home = home;
    this.terminal = terminal;
  }

  async build({ taken, dirty = false, command }: Case): Promise<void> {
    await makeQcow2(imageOf(this.home), bytes);
    await this.write(imageOf(this.home), base);
    this.content = changed(this.content, { [head]: this.content.get(base) });
    await this.terminal.ok("init");
    if (command === "define") return;
    await this.terminal.ok(...defining(this.home));
    for (const name of taken) {
      await this.guestWrites();
      await this.terminal.ok("snapshot-create-as", "--offline", "--disk-only", "web", name);
      this.content = changed(this.content, { [name]: this.content.get(head) });
    }
    if (dirty) await this.guestWrites();
  }

  async guestWrites(): Promise<void> {
    const { disks } = (await this.terminal.json("dominfo", "web")) as { disks: { head: { path: string } }[] };
    await this.write(disks[0]?.head.path ?? "", head);
  }

  /** Each over half of the one before, and a piece of its own at the end of the disk. */
  async write(path: string, name: string): Promise<void> {
    const byte = ++this.#writes;
    const content = Buffer.from(this.content.get(name) ?? Buffer.alloc(bytes));
    for (const [start, length] of [
      [byte * 64 * KiB, 128 * KiB],
      [bytes - byte * 4 * KiB, 4 * KiB],
    ] as const) {
      await writePattern(path, "qcow2", start, length, byte);
      content.fill(byte, start, start + length);
    }
    this.content = changed(this.content, { [name]: content });
  }
}

async function record(name: string, one: Case, program: string): Promise<void> {
  const tools = mkdtempSync(join(tmpdir(), "snapledger-record-"));
  const home = makeHome(name);
  try {
    writeFileSync(join(tools, "preload.cjs"), preload);
    const environment = { NODE_OPTIONS: `--require=${join(tools, "preload.cjs")}` };
    const terminal = new Terminal(home, environment, program);
    const scene = new Scene(home, terminal);
    await scene.build(one);
    const command = one.command === "define" ? defining(home) : one.command;
    await kill(terminal, command, one.at, tools);
    const store = join(tools, recorded.store);
    pack(home, store);
    const lines = await linesOf(store, terminal, tools);
    const expected = expectedOf(one, command, scene.content, lines);
    const folder = join(killedFolder, name);
    mkdirSync(folder); // fails if there is a recording
    copyFileSync(store, join(folder, recorded.store));
    writeFileSync(join(folder, recorded.log), lines);
    writeFileSync(join(folder, recorded.expected), `${JSON.stringify(expected, null, 2)}\n`);
  } finally {
    rmSync(tools, { recursive: true });
    rmSync(home, { recursive: true });
  }
}

async function kill(terminal: Terminal, command: readonly string[], at: Instant, tools: string): Promise<void> {
  const { home, environment, program } = terminal;
  const env: NodeJS.ProcessEnv = { ...environment, GOLDEN_INSTANT: JSON.stringify(at) };
  if ("tool" in at) {
    writeFileSync(join(tools, "qemu-img"), fakeTool(at.tool));
    chmodSync(join(tools, "qemu-img"), 0o755);
    env["PATH"] = `${tools}:${environment["PATH"] ?? ""}`;
  }
  const options = { cwd: home, env, detached: true, stdio: "inherit" } as const;
  const [code, signal] = (await once(spawn(process.execPath, [program, ...command], options), "exit")) as unknown[];
  if (signal !== "SIGKILL") throw new Error(`${command.join(" ")} was not killed: it exits ${String(code)}`);
}

/** Read in a copy, since LevelDB writes when it opens. */
function linesOf(file: string, { environment, program }: Terminal, tools: string): Promise<string> {
  execFileSync("tar", ["-xpzf", file, "--no-same-owner", "-C", tools, "./store"]);
  return new Terminal(tools, { ...environment, ...at(tools) }, program).ok("log", "--json");
}

const at = (home: string) => ({ HOME: home, SNAPLEDGER_STORE: join(home, "store") });

function expectedOf({ at, done }: Case, command: readonly string[], before: Content, lines: string): Expected {
  const records = lines
    .trimEnd()
    .split("\n")
    .map((line) => parseRecord(line));
  const started = records.findLast(({ type }) => type === "OperationStarted");
  const hasOutcome = records.at(-1) !== started;
  if (hasOutcome !== (done !== undefined)) throw new Error(`it was ${hasOutcome ? "done" : "undone"}`);
  const last = records.findLast(({ type }) => type === "HeadsMoved");
  const autosave = last?.type === "HeadsMoved" ? (last.data.autosave?.name ?? "") : "";
  const undefinedYet = command[0] === "define" && done === undefined;
  const after = done ? done(before, autosave) : before;
  const content =
    after === null || undefinedYet ? without(before, ...[...before.keys()].filter((n) => n !== base)) : after;
  return {
    command,
    killed: describe(at),
    ended: done ? "done" : "undone",
    snapshots:
      after === null || undefinedYet ? null : [...content.keys()].filter((n) => n !== base && n !== head).sort(),
    content: Object.fromEntries([...content].map(([name, read]) => [name, sha256(read)])),
  };
}

function describe(at: Instant): string {
  if ("tool" in at) return `after qemu-img ${at.tool}`;
  if ("event" in at) return `${at.event} is in the database, ${at.when} says so`;
  return `after ${at.unlinked} files of layers were removed`;
}

const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

const [program = "", ...names] = process.argv.slice(2);
if (program === "") throw new Error("usage: record-killed.ts PROGRAM [NAME...]");
execFileSync(process.execPath, [resolve(program), "--version"], { stdio: "inherit" });
mkdirSync(killedFolder, { recursive: true });
await claimPlace();
try {
  for (const [name, one] of Object.entries(cases)) {
    if (names.length > 0 && !names.includes(name)) continue;
    await record(name, one, resolve(program));
    console.log(`recorded ${name}`);
  }
} finally {
  releasePlace();
}
