import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A program that is told one command after the other through a pipe, as people do who have many. */
export class Dialogue {
  readonly #child: ChildProcessWithoutNullStreams;
  /** How much it prints for a command, once learnt. */
  readonly #lengths = new Map<string, number>();
  #received = 0;
  #lastAt = 0;
  #wanted = Infinity;
  #arrived: (() => void) | undefined;
  #ended = false;

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(program, args, { env, stdio: "pipe" });
    this.#child.stdout.on("data", (bytes: Buffer) => {
      this.#received += bytes.length;
      this.#lastAt = performance.now();
      if (this.#received >= this.#wanted) this.#arrived?.();
    });
    this.#child.stderr.resume();
    this.#child.on("exit", () => {
      this.#ended = true;
      this.#arrived?.();
    });
  }

  /** Says these, and waits until it has long said nothing more; how many bytes it answered. */
  async say(lines: readonly string[]): Promise<number> {
    const before = this.#received;
    this.#child.stdin.write(lines.map((line) => `${line}\n`).join(""));
    this.#lastAt = performance.now();
    while (performance.now() - this.#lastAt < quietMs && !this.#ended) await sleep(50);
    if (this.#ended) throw new Error("the program ended");
    return this.#received - before;
  }

  /** Milliseconds from the command to the last byte of its answer, which is as long each time. */
  async milliseconds(line: string): Promise<number> {
    const length = this.#lengths.get(line) ?? (await this.say([line]));
    if (length === 0) throw new Error(`${line}: no answer`);
    this.#lengths.set(line, length);
    this.#wanted = this.#received + length;
    const answered = new Promise<void>((resolve) => (this.#arrived = resolve));
    const start = performance.now();
    this.#child.stdin.write(`${line}\n`);
    await answered;
    const took = performance.now() - start;
    this.#wanted = Infinity;
    if (this.#ended) throw new Error("the program ended");
    return took;
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    if (!this.#ended) await once(this.#child, "exit");
  }
}

/** Longer than any answer takes to begin. */
const quietMs = 1500;
