import { once } from "node:events";
import { escapeDocument, escapeJson, escapeLine, escapeXml } from "./escape.ts";

/**
 * Where results, warnings and errors go. All human text is escaped here, at the one edge, so that no verb can forget.
 * A reader that went away (EPIPE: `snapledger log | head`) is not an error: what is left is dropped.
 */
export class Output {
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  readonly #reader: { gone: boolean };
  #left = false;

  private constructor(out: NodeJS.WriteStream, err: NodeJS.WriteStream, reader: { gone: boolean }) {
    this.#out = out;
    this.#err = err;
    this.#reader = reader;
  }

  /** `onError`: what is wrong with stdout, other than that its reader went away. */
  static to(out: NodeJS.WriteStream, err: NodeJS.WriteStream, onError: (error: NodeJS.ErrnoException) => void): Output {
    const reader = { gone: false };
    out.on("error", (error: NodeJS.ErrnoException) => {
      reader.gone = true;
      if (error.code !== "EPIPE") onError(error);
    });
    // Nothing is left to say it on.
    err.on("error", () => undefined);
    return new Output(out, err, reader);
  }

  /** To the same places, for one of several commands. */
  another(): Output {
    return new Output(this.#out, this.#err, this.#reader);
  }

  /** From now on it is as if nobody read stdout any more. */
  leave(): void {
    this.#left = true;
  }

  /** true: nobody reads stdout any more. */
  get gone(): boolean {
    return this.#left || this.#reader.gone;
  }

  /** One line of human text on stdout. */
  line(text = ""): void {
    this.#write(`${escapeLine(text)}\n`);
  }

  lines(lines: readonly string[]): void {
    this.#write(lines.map((text) => `${escapeLine(text)}\n`).join(""));
  }

  /** A text of several lines. */
  document(text: string): void {
    this.#write(escapeDocument(text.endsWith("\n") ? text : `${text}\n`));
  }

  xml(text: string): void {
    this.#write(escapeXml(text.endsWith("\n") ? text : `${text}\n`));
  }

  /** One JSON value on stdout. */
  json(value: unknown): void {
    this.#write(`${escapeJson(JSON.stringify(value, null, 2))}\n`);
  }

  /** One JSON value on one line of stdout. */
  jsonLine(value: unknown): void {
    this.#write(`${escapeJson(JSON.stringify(value))}\n`);
  }

  /** A stored line, exactly its bytes: hashes are of these. On a terminal, what that would act on is escaped. */
  stored(line: string): void {
    this.#write(`${this.#out.isTTY ? escapeJson(line) : line}\n`);
  }

  /** One line of human text on stderr. */
  aside(text: string): void {
    this.#err.write(`${escapeLine(text)}\n`);
  }

  /** One JSON value on one line of stderr. */
  asideJson(value: unknown): void {
    this.#err.write(`${escapeJson(JSON.stringify(value))}\n`);
  }

  /** Resolves when more may be written: long listings wait for a slow reader instead of filling memory. */
  async drained(): Promise<void> {
    if (this.gone || !this.#out.writableNeedDrain) return;
    // Whichever comes first calls the other off: a shell waits here for each of its commands.
    const over = new AbortController();
    const first = ["drain", "close"].map((event) => once(this.#out, event, { signal: over.signal }));
    await Promise.race(first).catch(() => undefined);
    over.abort();
    await Promise.allSettled(first);
  }

  /** Resolves when all that was written has been taken by the reader of stdout, or will not be: see `gone`. */
  async flushed(): Promise<void> {
    if (!this.gone) await new Promise<void>((resolve) => this.#out.write("", () => resolve()));
  }

  #write(text: string): void {
    if (!this.gone) this.#out.write(text);
  }
}
