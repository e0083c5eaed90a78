import { execFile, execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";

/** The command line as a user runs it: the built bundle as a process of its own. */

const root = fileURLToPath(new URL("../..", import.meta.url));
// Below node_modules, so that the bundle finds `level`; one per test process, so that files can run side by side.
const folder = join(root, "node_modules", ".cache", `snapledger-test-${process.pid}`);
export const bundle = join(folder, "snapledger.cjs");

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  execFileSync(process.execPath, [join(root, "scripts", "build.mjs"), "--cli", bundle], { stdio: "inherit" });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A store's command line. Nothing of this process's environment but the PATH goes through. */
export class Terminal {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;

  constructor(home: string, environment: NodeJS.ProcessEnv = {}) {
    this.home = home;
    this.environment = {
      ...{ PATH: process.env["PATH"], HOME: home, TZ: "UTC", SNAPLEDGER_STORE: join(home, "store") },
      ...environment,
    };
  }

  run(...args: readonly string[]): Promise<Ran> {
    return this.feed("", ...args);
  }

  /** With text on stdin. */
  feed(stdin: string, ...args: readonly string[]): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const options = { cwd: this.home, env: this.environment, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(process.execPath, [bundle, ...args], options, (error, stdout, stderr) => {
        if (error && typeof error.code !== "number") reject(new Error("it did not end by itself", { cause: error }));
        else resolve({ status: Number(error?.code ?? 0), stdout, stderr });
      });
      child.stdin?.on("error", () => undefined); // it may end without reading
      child.stdin?.end(stdin);
    });
  }

  /** Runs it and throws unless it exits 0; its stdout. */
  async ok(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    if (status !== 0) throw new Error(`snapledger ${args.join(" ")} exits ${status}: ${stderr}`);
    return stdout;
  }

  async json(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.ok("--json", ...args));
  }

  start(...args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [bundle, ...args], { cwd: this.home, env: this.environment, stdio: "pipe" });
  }
}
