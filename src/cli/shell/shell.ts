import { createReadStream } from "node:fs";
import { isSnapledgerError, SnapledgerError } from "../../errors.ts";
import { SessionCache } from "../../queries/cache/session-cache.ts";
import { cannotRead } from "../input/files.ts";
import { reportError } from "../output/report.ts";
import type { Place, ErrorFormat } from "../output/report.ts";
import type { RunContext } from "../verb.ts";
import { splitVerb, storeGiven } from "../input/arguments.ts";
import { linesOf, mostBytes } from "./lines.ts";
import { scanWords, splitWords } from "./words.ts";

export interface ShellOptions {
  /** Options that go with each command unless it says otherwise. */
  readonly defaults: readonly (readonly string[])[];
  /** Ends at the first command that fails. */
  readonly errexit: boolean;
  /** A person types: Ctrl-C ends what is being done, and not the shell. */
  readonly terminal: boolean;
}

/** What the shell itself understands, beside every verb. */
export const ownWords: readonly (readonly [word: string, what: string])[] = [
  ["help [VERB]", "this list, or all about one verb"],
  ["exit, quit", "leave the shell, as Ctrl-D does"],
];

const stoppedStatus = 130;
/** A quote that goes on for longer has been forgotten. */
const mostLines = 500;

/** Runs commands one after the other. Between two of them it holds nothing of any store, but knows what it saw last. */
export class Shell {
  readonly #context: RunContext;
  readonly #options: ShellOptions;
  #known: { readonly store: string; readonly session: SessionCache } | undefined;
  /** That of the last command that failed; 0 when none has. */
  status = 0;
  /** true: no more commands are wanted. */
  ended = false;

  constructor(context: RunContext, options: ShellOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The last store's alone: a shell that goes back and forth between two reads each anew. */
  session(store: string): SessionCache {
    if (this.#known?.store !== store) this.#known = { store, session: new SessionCache() };
    return this.#known.session;
  }

  /** Runs one whole command and says what went wrong. Never rejects. */
  async command(text: string, place?: Place): Promise<void> {
    const status = await this.#status(text, place);
    if (status === 0) return;
    this.status = status;
    if (this.#options.errexit || (status === stoppedStatus && !this.#options.terminal)) this.ended = true;
  }

  async #status(text: string, place: Place | undefined): Promise<number> {
    const { defaults, terminal } = this.#options;
    const output = this.#context.output.another();
    let how = this.#errorFormat(place);
    try {
      const words = splitWords(text);
      if (words[0] === "snapledger") words.shift();
      if (words.length === 0) return 0;
      how = { ...how, json: how.json || words.includes("--json"), store: storeGiven(words) ?? how.store };
      if (this.#leaves(words)) return 0;
      const status = await this.#context.interrupt.within(terminal ? "stops" : "ends", async (interrupt) => {
        const impatient = terminal ? sayWhenSlow(interrupt.signal, () => output.aside(slowToStop)) : undefined;
        const session = (store: string) => this.session(store);
        const ran = await this.#context.program
          .run(words, { ...this.#context, output, interrupt, defaults, session })
          .finally(impatient);
        // Something that is followed until Ctrl-C has not failed; but a script is not gone on with.
        return interrupt.signal.aborted && !terminal ? stoppedStatus : ran;
      });
      if (words[0] === "help" && words.length === 1) output.lines(helpLines());
      await output.drained();
      return status;
    } catch (error) {
      return reportError(error, output, how);
    }
  }

  /** How an error is printed before the command's own words are known. */
  #errorFormat(place: Place | undefined): ErrorFormat {
    const { defaults } = this.#options;
    const json = defaults.some(([flag]) => flag === "--json");
    return { json, debug: this.#context.debug, store: storeGiven(defaults.flat()), place };
  }

  #leaves([word = "", ...more]: readonly string[]): boolean {
    if (word !== "exit" && word !== "quit") {
      if (splitVerb([word, ...more]).verb !== "shell" || more.includes("--help")) return false;
      throw new SnapledgerError("USAGE", "This is the shell already.", { hint: "Give it the commands themselves." });
    }
    if (more.length > 0) throw new SnapledgerError("USAGE", `${word} takes no arguments.`, { hint: "Give it alone." });
    this.ended = true;
    return true;
  }

  /** Runs what a file holds, or a pipe: `file` is how errors call it. A quote may go on over several lines. */
  async script(chunks: AsyncIterable<Buffer>, file: string): Promise<void> {
    let line = 0;
    let begun: { text: string; line: number } | undefined;
    try {
      for await (const text of linesOf(chunks)) {
        line++;
        begun = begun ? { ...begun, text: `${begun.text}\n${text}` } : { text, line };
        const goesOn = scanWords(begun.text).open !== null;
        const tooLong = line - begun.line >= mostLines || begun.text.length > mostBytes;
        if (goesOn && !tooLong) continue;
        await this.command(begun.text, { file, line: begun.line });
        // Nobody can tell what of the rest was meant to stand in the quote.
        if (this.ended || goesOn) return;
        begun = undefined;
      }
    } catch (error) {
      this.#fail(error, { file, line: line + 1 });
      return;
    }
    if (begun) await this.command(begun.text, { file, line: begun.line });
  }

  /** What is wrong with the script itself ends it. */
  #fail(error: unknown, place: Place): void {
    const known = isSnapledgerError(error) ? error : cannotRead(place.file, error);
    this.status = reportError(known, this.#context.output, this.#errorFormat(place));
    this.ended = true;
  }
}

/** FILE_NOT_FOUND when it cannot be opened. */
export async function openScript(path: string): Promise<AsyncIterable<Buffer>> {
  const stream = createReadStream(path);
  await new Promise<void>((resolve, reject) => {
    stream.once("ready", resolve);
    stream.once("error", (error) => reject(cannotRead(path, error)));
  });
  return stream as AsyncIterable<Buffer>;
}

export function helpLines(): string[] {
  return ["In the shell:", ...ownWords.map(([word, what]) => `  ${word.padEnd(22)}${what}`)];
}

const slowToStop =
  "It has been asked to stop. Ctrl-C again ends the shell at once; what is half done is found by recover.";

/** Says it when a second has gone by since the signal; the function returned calls that off. */
function sayWhenSlow(signal: AbortSignal, say: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const start = () => (timer = setTimeout(say, 1000));
  signal.addEventListener("abort", start);
  return () => {
    signal.removeEventListener("abort", start);
    clearTimeout(timer);
  };
}
