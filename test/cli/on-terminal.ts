import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { bundle } from "../support/built-cli.ts";
import type { Terminal } from "../support/built-cli.ts";

export const [tab, enter, ctrlC, ctrlD, up, down] = ["\t", "\r", "\u0003", "\u0004", "\u001b[A", "\u001b[B"];

/** Nothing on it is waited for any longer: a terminal answers at once, but the machine may be busy. */
const longestMs = 20_000;

/** The command line on a real terminal (24 lines of 100 columns), as a person has it: keys go in, what is shown comes out. */
export class OnTerminal {
  readonly #python: ChildProcessWithoutNullStreams;
  #shown = "";
  #looked = 0;
  /** The program's exit status. */
  readonly ended: Promise<number>;

  constructor({ home, environment }: Terminal, ...args: readonly string[]) {
    const script = join(import.meta.dirname, "on-terminal.py");
    const env = { ...environment, TERM: "xterm" };
    this.#python = spawn("python3", [script, process.execPath, bundle, ...args], { cwd: home, env });
    this.#python.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#shown += text;
    });
    this.#python.stdin.on("error", () => undefined); // it may be over
    this.ended = once(this.#python, "close").then(([status]) => Number(status));
    onTestFinished(() => {
      this.#python.stdin.end();
    });
  }

  /** All that was shown, with its escapes. */
  get raw(): string {
    return this.#shown;
  }

  press(...keys: readonly string[]): void {
    this.#python.stdin.write(`keys ${Buffer.from(keys.join("")).toString("hex")}\n`);
  }

  /** To the program itself, as the kernel does. */
  signal(name: "SIGINT"): void {
    this.#python.stdin.write(`${name.toLowerCase()}\n`);
  }

  resize(rows: number, columns: number): void {
    this.#python.stdin.write(`size ${rows} ${columns}\n`);
  }

  /** Waits until this is shown, after what was waited for before; what was shown up to there, without escapes. */
  async until(what: string | RegExp): Promise<string> {
    const pattern = typeof what === "string" ? new RegExp(what.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")) : what;
    const end = Date.now() + longestMs;
    for (;;) {
      const text = plain(this.#shown).slice(this.#looked);
      const found = pattern.exec(text);
      if (found) {
        this.#looked += found.index + found[0].length;
        return text.slice(0, found.index + found[0].length);
      }
      if (Date.now() > end) throw new Error(`not shown: ${String(what)}\n${JSON.stringify(text)}`);
      await sleep(10);
    }
  }
}

/** Without what moves the cursor and sets colours. A sequence that is not whole yet is left out too. */
function plain(text: string): string {
  return text.replace(/\u001b(?:\[[0-9;?]*[A-Za-z]?|$)/g, "").replaceAll("\r", "");
}
