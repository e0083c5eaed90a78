import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Dialogue } from "./dialogue.ts";

/** The command line as users have it: built, its compiled form beside it. */

export const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "dist", "snapledger.cjs");
let isBuilt = false;

/** Builds it, once in a run; the program's path. */
export function builtProgram(): string {
  if (!isBuilt) execFileSync(process.execPath, [join(root, "scripts", "build.mjs")], { stdio: "inherit" });
  isBuilt = true;
  return program;
}

/** Whose home folder this is: what the command line keeps there stays in it. */
export function environment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: home, TZ: "UTC" };
}

/** Many commands in one process, which are told it through a pipe. */
export function snapledgerShell(store: string, home: string): Dialogue {
  return new Dialogue(process.execPath, [builtProgram(), "--store", store, "shell"], environment(home));
}
