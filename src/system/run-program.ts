import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { SnapledgerError } from "../errors.ts";

/** Other programs: argument arrays, an absolute path, no shell, and the C locale, whose words are known. */

/** Its absolute path on PATH; else DRIVER_FAILED, naming the Debian package that has it. */
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
  throw notInstalled(name, debianPackage);
}

function notInstalled(program: string, debianPackage: string): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `The program ${program} is not installed.`, {
    facts: { program },
    hint: `Install it: apt-get install ${debianPackage}`,
  });
}

export interface ProgramEnd {
  /** null: a signal ended it. -1: it never ran. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote to a stderr that is a pipe; why it never ran. */
  readonly complaint: string;
}

/** A descriptor, a pipe to this process, or nothing. */
type Stream = number | "pipe" | "ignore";

export interface StartOptions {
  readonly stdio: readonly [stdin: Stream, stdout: Stream, stderr: Stream];
  /** Beside `LC_ALL=C`. Default: nothing. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly workIn?: string;
  /** In a session of its own, so that neither Ctrl-C nor the end of this process reaches it. */
  readonly outlivesUs?: boolean;
}

export interface StartedProgram<In extends Writable | null, Out extends Readable | null> {
  /** undefined: it never ran. */
  readonly pid: number | undefined;
  readonly stdin: In;
  readonly stdout: Out;
  /** Never rejects. */
  readonly ended: Promise<ProgramEnd>;
  stop(): void;
}

/** Its process is there when this returns. `In` and `Out` are the streams of those that `stdio` calls pipes. */
export function startProgram<In extends Writable | null = null, Out extends Readable | null = null>(
  program: string,
  args: readonly string[],
  options: StartOptions,
): StartedProgram<In, Out> {
  const child = spawnProgram(program, args, options);
  // The types of Node cannot tell what a descriptor among them makes of the others.
  const { stdin, stdout } = child as unknown as { stdin: In; stdout: Out };
  return { pid: child.pid, stdin, stdout, ended: endOf(child), stop: () => void child.kill("SIGTERM") };
}

function spawnProgram(program: string, args: readonly string[], options: StartOptions): ChildProcess {
  const { stdio, environment = {}, workIn, outlivesUs = false } = options;
  const child = spawn(program, args, {
    ...{ stdio: [...stdio], env: { ...environment, LC_ALL: "C" }, detached: outlivesUs },
    ...(workIn !== undefined && { cwd: workIn }),
  });
  if (outlivesUs) child.unref();
  return child;
}

/** More than any program prints in good order: a longer output is cut, not kept. */
const outputAtMost = 256 * 1024;

function endOf(child: ChildProcess): Promise<ProgramEnd> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, outputAtMost)));
  return new Promise((resolve) => {
    child.once("error", ({ message }) => resolve({ code: -1, signal: null, complaint: message }));
    child.once("close", (code, signal) => resolve({ code, signal, complaint: said.trim() }));
  });
}

export interface RunOptions {
  /** What to install when it is not there. */
  readonly debianPackage: string;
  /** Default: nothing. */
  readonly stdin?: number;
  /** As of `StartOptions`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Ends it, by SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  readonly onChild?: ((pid: number) => void) | undefined;
  /** Takes a line, as one of progress, out of what is kept. What it throws ends the program. */
  readonly takeLine?: (line: string) => boolean;
}

/** Resolves when it has ended, however it did. DRIVER_FAILED when it is not there. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { debianPackage, stdin, environment = {}, signal, onChild, takeLine = () => false }: RunOptions,
): Promise<ProgramEnd & { readonly output: string }> {
  const child = spawnProgram(program, args, { stdio: [stdin ?? "ignore", "pipe", "pipe"], environment });
  const ended = endOf(child);
  const stop = () => void child.kill("SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (child.pid !== undefined) onChild?.(child.pid);
    else await once(child, "spawn");
    const output = await collect(child.stdout, takeLine);
    return { ...(await ended), output };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && child.pid === undefined)
      throw notInstalled(program, debianPackage);
    // It does not outlive what failed on our side.
    stop();
    await ended;
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** A line reader takes the \r that separates progress for an end of line. */
async function collect(stream: Readable | null, takeLine: (line: string) => boolean): Promise<string> {
  if (stream === null) return "";
  let kept = "";
  for await (const line of createInterface({ input: stream })) {
    if (!takeLine(line) && kept.length + line.length < outputAtMost) kept += `${line}\n`;
  }
  return kept.trim();
}
