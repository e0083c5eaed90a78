import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A store's command line. Nothing of this process's environment but the PATH goes through. */
export class Terminal {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The command line's own file. */
  readonly program: string;

  constructor(home: string, environment: NodeJS.ProcessEnv, program: string) {
    this.home = home;
    this.program = program;
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
      const child = execFile(process.execPath, [this.program, ...args], options, (error, stdout, stderr) => {
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
    return spawn(process.execPath, [this.program, ...args], { cwd: this.home, env: this.environment, stdio: "pipe" });
  }
}
