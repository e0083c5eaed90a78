import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { verbs } from "../src/cli/verbs.ts";
import { connect } from "../src/connection.ts";
import { Dialogue } from "./dialogue.ts";
import { listInProcess } from "./one-process.ts";
import { milliseconds } from "./rounds.ts";

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

/** Many commands in one process. */
export interface Shell {
  /** How it is told them, for the table. */
  readonly how: string;
  /** From the command to the end of its answer. */
  milliseconds(line: string): Promise<number>;
  end(): Promise<void>;
}

export async function snapledgerShell(store: string, home: string): Promise<Shell> {
  if (!verbs.has("shell")) return sameProcess(store);
  const shell = new Dialogue(process.execPath, [builtProgram(), "--store", store, "shell"], environment(home));
  return { how: "in the shell", milliseconds: (line) => shell.milliseconds(line), end: () => shell.end() };
}

/** While there is no shell: the verb by itself, in this process; the store is opened anew for each. */
async function sameProcess(store: string): Promise<Shell> {
  const connection = await connect({ store });
  return {
    how: "in one process",
    milliseconds: (line) => milliseconds(() => listInProcess(connection, ...line.split(" ").slice(1))),
    end: () => connection.close(),
  };
}
