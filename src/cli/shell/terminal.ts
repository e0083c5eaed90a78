import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import type { Completion } from "./completion.ts";
import { HistoryFile, mostLines } from "./history-file.ts";
import type { Shell } from "./shell.ts";
import { scanWords } from "./words.ts";

const firstPrompt = "snapledger> ";
/** A quote is not finished. */
const morePrompt = "        ... ";

/** Commands from a person; resolves when they leave. Between two lines the terminal is as any command expects it. */
export async function runTerminal(shell: Shell, complete: (line: string) => Promise<Completion>): Promise<void> {
  const history = new HistoryFile(process.env);
  const keyboard = new Keyboard();
  while (!shell.ended) {
    const text = await askWhole(keyboard, history, complete);
    if (text === undefined) break;
    history.add(text);
    await shell.command(text);
  }
}

/** A whole command, over as many lines as its quotes take; empty after Ctrl-C; undefined at the end. */
async function askWhole(
  keyboard: Keyboard,
  history: HistoryFile,
  complete: (line: string) => Promise<Completion>,
): Promise<string | undefined> {
  let text = await keyboard.line({ prompt: firstPrompt, history: history.lines, complete });
  while (typeof text === "string" && scanWords(text).open) {
    const more = await keyboard.line({ prompt: morePrompt, history: [], complete: nothing });
    if (more === null) return "";
    // Ctrl-D: what is not finished is printed as the error that it is.
    if (more === undefined) return text;
    text = `${text}\n${more}`;
  }
  return text === null ? "" : text;
}

const nothing = (): Promise<Completion> => Promise.resolve([[], ""]);

interface Asking {
  readonly prompt: string;
  readonly history: readonly string[];
  readonly complete: (line: string) => Promise<Completion>;
}

/** Enter, in both its forms, and Ctrl-C. */
const endsLine: ReadonlySet<number> = new Set([10, 13, 3]);

/**
 * The terminal's keys, a line at a time. What is typed or pasted beyond that line is kept for the next one, so that a
 * command that reads keys itself, or that Ctrl-C is meant for, has the terminal to itself.
 */
class Keyboard {
  #waiting = Buffer.alloc(0);
  #ended = false;

  /** null: Ctrl-C took it back; undefined: Ctrl-D, or the terminal is gone. */
  async line({ prompt, history, complete }: Asking): Promise<string | null | undefined> {
    if (this.#ended && this.#waiting.length === 0) return undefined;
    const keys = new Keys();
    let over = false;
    const lines = createInterface({
      ...{ input: keys, output: process.stdout, terminal: true, prompt },
      ...{ history: [...history], historySize: mostLines, tabSize: 8 },
      completer: (line: string, done: (error: null, completion: Completion) => void) => {
        void complete(line).then((completion) => {
          if (!over) done(null, completion);
        });
      },
    });
    const [feed, end] = [(chunk: Buffer) => this.#feed(keys, chunk), () => this.#end(keys)];
    try {
      return await new Promise((resolve) => {
        lines.once("line", resolve);
        lines.once("close", () => resolve(undefined));
        lines.once("SIGINT", () => {
          lines.write(null, { ctrl: true, name: "e" });
          process.stdout.write("^C\n");
          resolve(null);
        });
        lines.prompt();
        process.stdin.on("data", feed).once("end", end).resume();
        feed(Buffer.alloc(0));
      });
    } finally {
      over = true;
      process.stdin.off("data", feed).off("end", end).pause();
      lines.close();
    }
  }

  /** Hands on what belongs to this line. */
  #feed(keys: Keys, chunk: Buffer): void {
    const all = Buffer.concat([this.#waiting, chunk]);
    const end = all.findIndex((byte) => endsLine.has(byte));
    const handed = end < 0 ? all.length : end + 1;
    this.#waiting = keys.full ? all : all.subarray(handed);
    if (!keys.full && handed > 0) keys.write(all.subarray(0, handed));
    if (end >= 0) keys.full = true;
  }

  #end(keys: Keys): void {
    this.#ended = true;
    keys.end();
  }
}

/** The keys of one line. node:readline switches the terminal through it, also around Ctrl-Z. */
class Keys extends PassThrough {
  readonly isTTY = true;
  /** The line's end is among them. */
  full = false;

  setRawMode(raw: boolean): this {
    process.stdin.setRawMode(raw);
    return this;
  }
}
