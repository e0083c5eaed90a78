import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KiB } from "./images.ts";

/** Bytes a second: slow enough for whoever watches a commit of a few MiB to be sure of meeting it half-way. */
export const slowRate = 256 * KiB;

/** A program that is qemu-img, process and all, but commits at that rate; its path. */
export function withSlowCommit(folder: string): string {
  const real = execFileSync("sh", ["-c", "command -v qemu-img"], { encoding: "utf8" }).trim();
  const path = join(folder, "qemu-img");
  const script = `#!/bin/sh\n[ "$1" = commit ] || exec ${real} "$@"\nshift\nexec ${real} commit -r ${slowRate} "$@"\n`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}
