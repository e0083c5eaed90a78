import { SnapledgerError } from "../../errors.ts";
import { findProgram, runProgram } from "../../system/run-program.ts";
import type { StepOptions } from "../driver.ts";
import { fullDisk, interrupted, lockedImage } from "../errors.ts";

/** Runs qemu-img, or qemu-io, and turns its words into our codes. */
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
  readonly watch?: StepOptions | undefined;
}

const debianPackage = "qemu-utils";

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
      found ??= findProgram(name, debianPackage);
      return runTool(found, name, args, run);
    },
  };
}

async function runTool(program: string, name: string, args: readonly string[], run: ToolRun) {
  if (isAborted(run)) throw interrupted(verb(args), run.path);
  const { code, signal, output, complaint } = await runProgram(program, args, {
    ...{ debianPackage, environment: process.env },
    ...{ signal: run.watch?.signal, onChild: run.watch?.onChild },
    takeLine: (line) => isProgress(line, run),
  });
  if (signal !== null) throw killed(signal, `${name} ${verb(args)}`, args, run);
  if (code !== null && (run.accept ?? [0]).includes(code)) return { exitCode: code, output };
  throw isAborted(run)
    ? interrupted(verb(args), run.path)
    : toolError(`${name} ${verb(args)}`, run, complaint || output);
}

function isAborted({ watch }: ToolRun): boolean {
  return watch?.signal?.aborted === true;
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
