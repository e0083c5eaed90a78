import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KiB } from "./images.ts";
import { Terminal } from "./terminal.ts";

/** Programs that are qemu-img, process and all, but for one of its subcommands. */

/** The same store, with a `qemu-img` on the PATH that runs this script instead of the subcommand. */
export function withFakeTool({ home, environment, program }: Terminal, subcommand: string, instead: string): Terminal {
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  writeTool(bin, `PATH=\${PATH#*:}\ncase "$* " in "${subcommand} "*) ${instead};; esac\nexec qemu-img "$@"`);
  return new Terminal(home, { ...environment, PATH: `${bin}:${environment["PATH"] ?? ""}` }, program);
}

/** Bytes a second: a commit of a few MiB takes long enough to be met half-way. */
export const slowRate = 256 * KiB;

/** A program that commits at that rate; its path. */
export function withSlowCommit(folder: string): string {
  const real = execFileSync("sh", ["-c", "command -v qemu-img"], { encoding: "utf8" }).trim();
  return writeTool(folder, `[ "$1" = commit ] || exec ${real} "$@"\nshift\nexec ${real} commit -r ${slowRate} "$@"`);
}

function writeTool(folder: string, script: string): string {
  const path = join(folder, "qemu-img");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}
