import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { Terminal as TerminalOf } from "./terminal.ts";

export type { Ran } from "./terminal.ts";

/** The command line as a user runs it: the built bundle as a process of its own. */

const root = fileURLToPath(new URL("../..", import.meta.url));
// Below node_modules, so that what stays outside of it is found; one per test process, so that files can run side by side.
const folder = join(root, "node_modules", ".cache", `snapledger-test-${process.pid}`);
export const bundle = join(folder, "cli.cjs");

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts", "build.mjs"), "--cli", folder], { stdio: "inherit" });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

export class Terminal extends TerminalOf {
  constructor(home: string, environment: NodeJS.ProcessEnv = {}) {
    super(home, environment, bundle);
  }
}
