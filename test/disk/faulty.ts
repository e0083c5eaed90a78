import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import { compileFaults, faultsIn } from "./faults.ts";

/** A process on a disk that fails: see faults.c and worker.ts. */

const root = fileURLToPath(new URL("../..", import.meta.url));

export type Fault = "ENOSPC" | "EIO" | "EROFS" | "short";

export interface Injection {
  readonly fault: Fault;
  /** The call that fails, counted from 1 over all that change something below the folder. */
  readonly at: number;
  /** And all that come after it. */
  readonly keep: boolean;
}

export interface Worked {
  readonly hit: boolean;
  readonly lines: readonly string[];
  /** null when it ended by itself. */
  readonly signal: string | null;
  readonly stderr: string;
}

export class FaultyDisk {
  readonly #folder: string;
  readonly #worker: string;

  private constructor(folder: string, worker: string) {
    this.#folder = folder;
    this.#worker = worker;
  }

  static async make(folder: string): Promise<FaultyDisk> {
    compileFaults(folder);
    // Below node_modules, so that the bundle finds what stays outside of it.
    const place = join(root, "node_modules", ".cache", `snapledger-worker-${process.pid}`);
    mkdirSync(place, { recursive: true });
    const outfile = join(place, "worker.mjs");
    await build({
      ...{ input: join(import.meta.dirname, "worker.ts"), platform: "node", transform: { target: "node20" } },
      external: /^[^./]/,
      checks: { ineffectiveDynamicImport: false },
      output: { file: outfile, format: "esm", codeSplitting: false },
    });
    return new FaultyDisk(folder, outfile);
  }

  remove(): void {
    rmSync(join(this.#worker, ".."), { recursive: true, force: true });
  }

  /** Runs the worker while what is below `under` fails. */
  run(under: string, { fault, at, keep }: Injection, ...args: readonly string[]): Promise<Worked> {
    const hit = join(this.#folder, "hit");
    rmSync(hit, { force: true });
    const env = {
      ...{ PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"], LD_PRELOAD: faultsIn(this.#folder) },
      ...{ FAULT_UNDER: under, FAULT_AT: String(at), FAULT_HIT: hit },
      FAULT_ERRNO: String(fault === "short" ? 0 : constants.errno[fault]),
      ...(keep && { FAULT_KEEP: "1" }),
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [this.#worker, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
        const signal = error ? (error.signal ?? `exit ${error.code}`) : null;
        resolve({ hit: existsSync(hit), lines: stdout.split("\n").filter((line) => line !== ""), signal, stderr });
      });
    });
  }
}
