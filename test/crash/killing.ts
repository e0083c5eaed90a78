import { spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../src/connection/connection.ts";
import { digest } from "../support/images.ts";
import { Terminal } from "../support/terminal.ts";

/** Real processes that are killed while they work: the command line, and the qemu-img that it spawned. */

export interface Victims {
  readonly manager: ChildProcess;
  /** The real qemu-img; undefined when it had ended before it could be caught. */
  readonly tool: number | undefined;
  /** The manager's end. */
  readonly ended: Promise<void>;
}

/**
 * Runs the command until its first `qemu-img SUBCOMMAND` is at work. A script on the PATH tells that it begins, waits a
 * little for whoever wants to catch it, and becomes the real tool.
 */
export async function untilAtWork(
  terminal: Terminal,
  subcommand: string,
  args: readonly string[],
  extraMs: number,
): Promise<Victims> {
  const { home, environment, program } = terminal;
  const [bin, begun] = [join(home, "bin"), join(home, "begun")];
  rmSync(begun, { force: true });
  mkdirSync(bin, { recursive: true });
  const caught = `[ "$1" != ${subcommand} ] || [ -e ${begun} ] || { echo $$ > ${begun}.new; mv ${begun}.new ${begun}; sleep 0.1; }`;
  writeFileSync(join(bin, "qemu-img"), `#!/bin/sh\nPATH=\${PATH#*:}\n${caught}\nexec qemu-img "$@"\n`);
  chmodSync(join(bin, "qemu-img"), 0o755);
  const slowed = new Terminal(home, { ...environment, PATH: `${bin}:${environment["PATH"] ?? ""}` }, program);
  const manager = slowed.start(...args);
  manager.stdout?.resume();
  manager.stderr?.resume();
  const ended = once(manager, "close").then(() => undefined);
  await until(() => existsSync(begun) || manager.exitCode !== null);
  const pid = Number(readFileSync(begun, "utf8"));
  await until(() => isQemuImg(pid) || !isThere(pid));
  await sleep(extraMs);
  return { manager, ended, tool: isQemuImg(pid) ? pid : undefined };
}

async function until(happened: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!happened()) {
    if (Date.now() > deadline) throw new Error("it did not happen");
    await sleep(1);
  }
}

const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

function isQemuImg(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith("/qemu-img");
  } catch {
    return false; // it has ended
  }
}

/** Sends it to a tool that is still at work; false when it was too late. */
export function signal(tool: number | undefined, name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): boolean {
  if (tool === undefined || !isQemuImg(tool)) return false;
  process.kill(tool, name);
  return true;
}

/** Every byte of every snapshot and of the head, as digests by name. */
export async function contents({ home }: Terminal): Promise<Record<string, string>> {
  const connection = await connect({ store: join(home, "store") });
  try {
    const { disks } = await connection.domain("web");
    const read: Record<string, string> = { "(head)": await digest(disks[0]?.head.path ?? "", "qcow2") };
    for (const { name, layers } of await connection.snapshots("web")) {
      read[name] = await digest(layers["vda"] ?? "", "qcow2");
    }
    return read;
  } finally {
    await connection.close();
  }
}

/** Names and sizes of all files under the layers folder. */
export function files({ home }: Terminal): string[] {
  const folder = join(home, "store", "layers");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.includes("."))
    .sort();
}

/** Of the files, those that `qemu-img check` has something to say about. */
export function unclean(terminal: Terminal): string[] {
  return files(terminal).filter((name) => {
    const path = join(terminal.home, "store", "layers", name);
    return spawnSync("qemu-img", ["check", "-q", "-f", "qcow2", path]).status !== 0;
  });
}
