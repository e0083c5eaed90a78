import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { ChildProcess } from "node:child_process";
import spawn from "nano-spawn";
import { SnapledgerError } from "../../errors.ts";
import type { Watch } from "../driver.ts";
import { fullDisk, interrupted, lockedImage } from "../errors.ts";

/** Runs qemu-img, or qemu-io: argument arrays, an absolute program path, no shell, no input, and its words turned into our codes. */
export interface QemuImg {
  /** Resolves with what it printed when it exits with one of `accept` (default 0 alone). */
  run(args: readonly string[], run: ToolRun): Promise<{ readonly exitCode: number; readonly output: string }>;
}

export interface ToolRun {
  /** The image it is about, for errors and progress. */
  readonly path: string;
  /** Every path among the arguments, so that a file's name is never taken for the tool's words. */
  readonly paths?: readonly string[];
  readonly accept?: readonly number[];
  /** What progress is reported as; the arguments then hold `-p`. */
  readonly step?: string;
  readonly watch?: Watch | undefined;
}

/** More than any command prints in good order: a longer output is cut, not kept. */
const outputBytesAtMost = 256 * 1024;

export function qemuImg(program?: string): QemuImg {
  return tool("qemu-img", program);
}

/** It writes zeros where qemu-img has no command for it; it is in the same package. */
export function qemuIo(): QemuImg {
  return tool("qemu-io");
}

function tool(name: string, program?: string): QemuImg {
  let found = program;
  return {
    async run(args, run) {
      found ??= findProgram(name, "qemu-utils");
      return runTool(found, name, args, run);
    },
  };
}

/** Its absolute path on PATH; else DRIVER_FAILED, naming the package that has it. */
export function findProgram(name: string, debianPackage: string): string {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  throw missingTool(name, debianPackage);
}

function missingTool(program: string, debianPackage = "qemu-utils"): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `The program ${program} is not installed.`, {
    facts: { program },
    hint: `Install it: apt-get install ${debianPackage}`,
  });
}

async function runTool(program: string, name: string, args: readonly string[], run: ToolRun) {
  const signal = run.watch?.signal;
  if (isAborted(run)) throw interrupted(verb(args), run.path);
  const subprocess = spawn(program, [...args], { stdin: "ignore", env: { LC_ALL: "C" } });
  const ended = subprocess.then(
    () => ({ exitCode: 0, signalName: undefined }),
    (error: unknown) => error as { exitCode?: number; signalName?: string },
  );
  const child = await started(subprocess.nodeChildProcess, program);
  const stop = () => child.kill("SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (child.pid !== undefined) run.watch?.onChild?.(child.pid);
    // While it was starting, nobody listened.
    if (isAborted(run)) stop();
    // The tool separates progress with \r, which a line reader takes for an end of line.
    const [output, complaint] = await Promise.all([
      collect(child.stdout, (line) => isProgress(line, run)),
      collect(child.stderr, () => false),
    ]);
    const { exitCode, signalName } = await ended;
    if (signalName !== undefined) throw killed(signalName, `${name} ${verb(args)}`, args, run);
    if (exitCode !== undefined && (run.accept ?? [0]).includes(exitCode)) return { exitCode, output };
    throw isAborted(run)
      ? interrupted(verb(args), run.path)
      : toolError(`${name} ${verb(args)}`, run, complaint || output);
  } catch (error) {
    // Whatever failed on our side, the tool does not outlive the step. It has ended already if it was the tool.
    stop();
    await ended;
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function isAborted({ watch }: ToolRun): boolean {
  return watch?.signal?.aborted === true;
}

async function started(spawned: Promise<ChildProcess>, program: string): Promise<ChildProcess> {
  try {
    return await spawned;
  } catch (error) {
    const { cause } = error as Error;
    throw cause instanceof Error && "code" in cause && cause.code === "ENOENT" ? missingTool(program) : error;
  }
}

async function collect(stream: Readable | null, taken: (line: string) => boolean): Promise<string> {
  if (stream === null) return "";
  let kept = "";
  for await (const line of createInterface({ input: stream })) {
    if (!taken(line) && kept.length + line.length < outputBytesAtMost) kept += `${line}\n`;
  }
  return kept.trim();
}

/** `    (12.99/100%)` */
function isProgress(line: string, { step, path, watch }: ToolRun): boolean {
  if (step === undefined) return false;
  const done = /^\s*\((\d+\.\d+)\/100%\)\s*$/.exec(line)?.[1];
  if (done === undefined) return false;
  watch?.onProgress?.({ step, path, done: Number(done), total: 100 });
  return true;
}

function killed(signalName: string, what: string, args: readonly string[], run: ToolRun): SnapledgerError {
  // Ctrl-C on a terminal reaches the tool as well as us.
  if (["SIGTERM", "SIGINT", "SIGHUP"].includes(signalName)) return interrupted(verb(args), run.path);
  return new SnapledgerError("DRIVER_FAILED", `${what} of "${run.path}" was killed (${signalName}).`, {
    facts: { path: run.path, signal: signalName },
    hint: "Nothing is lost: run the same command again.",
  });
}

const verb = (args: readonly string[]): string => args[0] ?? "";

/** What the tool complained of, as our code. Sources: the messages of qemu-img 7.2 and the C library. */
function toolError(what: string, run: ToolRun, complaint: string): SnapledgerError {
  const words = [run.path, ...(run.paths ?? [])].reduce((text, path) => text.replaceAll(path, ""), complaint);
  if (/Failed to get (shared )?"[a-z ]+" lock/.test(words)) {
    const path = lockedPath(complaint) ?? run.path;
    return lockedImage(path);
  }
  const facts = { path: run.path, tool: complaint };
  if (/No space left on device|Disk quota exceeded/.test(words)) return fullDisk(run.path, facts);
  if (/No such file or directory/.test(words)) {
    const message = `${what} did not find "${run.path}" or a file it is backed by.`;
    return new SnapledgerError("FILE_NOT_FOUND", message, { facts });
  }
  const said = complaint.replace(/^qemu-(img|io): /, "");
  return new SnapledgerError("DRIVER_FAILED", `${what} of "${run.path}" failed: ${said}`, { facts });
}

/** `Is another process using the image [/path]?` */
function lockedPath(complaint: string): string | undefined {
  return /Is another process using the image \[(.+)\]\?/s.exec(complaint)?.[1];
}
