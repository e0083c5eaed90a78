import { spawn } from "node:child_process";
import type { SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Terminal } from "../support/terminal.ts";

/**
 * A command line at work, seen from outside: which of its tools run when, and a SIGKILL for it or for its tool at an
 * instant inside one of these stretches. Everything is by /proc and blocks this process, as only that is finer than a
 * millisecond.
 */

export const victims = ["the manager and its tool", "the tool alone", "the manager alone"] as const;
export type Victim = (typeof victims)[number];

/** From one start or end of a tool to the next. */
export interface Stretch {
  /** `commit` while that tool runs; `after commit` when it has ended; `start` before the first. */
  readonly label: string;
  readonly ms: number;
}

/** So far into that stretch. */
export interface Instant {
  readonly victim: Victim;
  /** The number of the stretch, as it was watched before, and what happens until then, in milliseconds. */
  readonly stretch: number;
  readonly beginsMs: number;
  readonly delayMs: number;
  /** How long the stretch takes. */
  readonly stretchMs: number;
}

/** Before that call, of all that change something below the folder: see faults.c. */
export interface Call {
  readonly victim: Victim;
  /** `node`, or a tool, as `qemu-img commit`. */
  readonly program: string;
  /** From 1. */
  readonly call: number;
  /** A write's first quarter is written. */
  readonly torn: boolean;
  /** The compiled library. */
  readonly faults: string;
}
export type Aim = Instant | Call;

export interface Hit {
  readonly victim: Victim;
  /** The stretch; of a call, its name. */
  readonly label: string;
  /** Into the stretch; null before a call. */
  readonly delayMs: number | null;
  /** The tool that was at work at that instant. */
  readonly tool: number | undefined;
}

export interface Watched {
  readonly stretches: readonly Stretch[];
  /** null when it was killed. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** undefined when it had ended before. */
  readonly hit: Hit | undefined;
  /** How many calls each program made, where they were counted. */
  readonly calls: readonly { readonly program: string; readonly calls: number }[];
}

interface Tool {
  readonly pid: number;
  name: string | undefined;
}

const atMostMs = 60_000;

/** Runs it to its end, or to what is aimed at. With the compiled `faults` its calls are counted. */
export async function watch(
  { home, environment, program }: Terminal,
  args: readonly string[],
  { aim, faults }: { aim?: Aim; faults?: string | null } = {},
): Promise<Watched> {
  const beside = (name: string) => join(home, "..", name);
  for (const name of ["hit", "calls"]) rmSync(beside(name), { force: true });
  const files = [openSync(beside("stdout"), "w"), openSync(beside("stderr"), "w")] as const;
  const preload = faults ? { LD_PRELOAD: faults, FAULT_AT: "0", FAULT_COUNT: beside("calls") } : {};
  const call = aim && "call" in aim ? callEnvironment(aim) : {};
  const env = { ...environment, FAULT_UNDER: home, FAULT_HIT: beside("hit"), FAULT_ERRNO: "1", ...preload, ...call };
  // A process group of its own: it and its tool can be killed at once.
  const options: SpawnOptions = { cwd: home, env, detached: true, stdio: ["ignore", ...files] };
  const manager = spawn(process.execPath, [program, ...args], options);
  const exited = once(manager, "exit") as Promise<[number | null, string | null]>;
  files.forEach(closeSync);
  const { stretches, hit } = follow(manager.pid ?? 0, aim && "stretch" in aim ? aim : undefined);
  const [status] = await exited;
  return {
    ...{ stretches, status, stdout: textOf(beside("stdout")), stderr: textOf(beside("stderr")) },
    hit: aim && "call" in aim ? hitBy(aim, textOf(beside("hit"))) : hit,
    calls: callsIn(textOf(beside("calls"))),
  };
}

function callEnvironment({ victim, program, call, torn, faults }: Call): NodeJS.ProcessEnv {
  const whom = { "the manager and its tool": "group", "the tool alone": "self", "the manager alone": "parent" }[victim];
  const FAULT_KILL = program === "node" && whom === "parent" ? "self" : whom;
  return { LD_PRELOAD: faults, FAULT_AT: String(call), FAULT_IN: program, FAULT_KILL, FAULT_ERRNO: torn ? "0" : "1" };
}

function hitBy({ victim, program, torn }: Call, call: string): Hit | undefined {
  if (call === "") return undefined;
  return {
    victim,
    label: `${torn && call.includes("write") ? "torn " : ""}${call} of ${program}`,
    delayMs: null,
    tool: undefined,
  };
}

function callsIn(text: string): Watched["calls"] {
  return [...text.matchAll(/^(\d+) (.+)$/gm)].map(([, calls, program = ""]) => ({ program, calls: Number(calls) }));
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function follow(manager: number, aim: Instant | undefined): Pick<Watched, "stretches" | "hit"> {
  const stretches: Stretch[] = [];
  const started = performance.now();
  let since = started;
  let tool: Tool | undefined;
  let before = "";
  const label = () => (tool ? (tool.name ?? "a tool's start") : before === "" ? "start" : `after ${before}`);
  for (;;) {
    const now = performance.now();
    const over = isOver(manager);
    const pid = over ? undefined : childOf(manager);
    if (pid !== tool?.pid || over) {
      stretches.push({ label: label(), ms: now - since });
      before = tool?.name ?? before;
      since = now;
      tool = pid === undefined ? undefined : { pid, name: undefined };
    }
    if (over) return { stretches, hit: undefined };
    if (tool) tool.name ??= toolName(tool.pid);
    if (aim?.stretch === stretches.length) {
      waitUntil(since + aim.delayMs);
      const delayMs = performance.now() - since;
      const hit = strike(manager, aim.victim);
      if (hit) return { stretches, hit: { victim: aim.victim, label: labelAt(hit.tool) ?? label(), delayMs, ...hit } };
      return { stretches, hit: undefined };
    }
    if (now - started > atMostMs) {
      kill(-manager);
      throw new Error(`it does not end: ${label()} since ${Math.round(now - since)} ms`);
    }
    pause(aim && now - started > aim.beginsMs - 20 ? 0.15 : 0.8);
  }
  function labelAt(pid: number | undefined): string | undefined {
    return pid === undefined
      ? undefined
      : ((tool?.pid === pid ? tool.name : undefined) ?? toolName(pid) ?? "a tool's start");
  }
}

/** undefined when there is nothing left to kill. */
function strike(manager: number, victim: Victim): { tool: number | undefined } | undefined {
  if (isOver(manager)) return undefined;
  const tool = childOf(manager);
  if (victim === "the tool alone") return tool !== undefined && !isOver(tool) && kill(tool) ? { tool } : undefined;
  return kill(victim === "the manager alone" ? manager : -manager) ? { tool } : undefined;
}

/** False when it had just ended. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

function pause(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}

/** To some hundredths of a millisecond: the last of them is not slept. */
function waitUntil(instant: number): void {
  for (let left = instant - performance.now(); left > 0; left = instant - performance.now()) {
    if (left > 0.1) pause(left - 0.08);
  }
}

function isOver(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.charAt(stat.lastIndexOf(")") + 2) === "Z";
  } catch {
    return true;
  }
}

/** The manager runs one tool at a time. */
function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
    return children === "" ? undefined : Number(children.split(" ").at(-1));
  } catch {
    return undefined;
  }
}

/** undefined while it is still what it was forked from, or has ended. */
function toolName(pid: number): string | undefined {
  try {
    const [program = "", subcommand] = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
    return program.endsWith("qemu-img") ? subcommand : undefined;
  } catch {
    return undefined;
  }
}
