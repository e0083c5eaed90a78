import { SnapledgerError } from "../../errors.ts";

/**
 * What Ctrl-C does to what is no command: it ends the process; or it stops that, as soon as it lets itself be stopped,
 * and only a second one ends the process, which does more than this one thing; or nothing.
 */
type Meaning = "ends" | "stops" | "ignored";

/**
 * Ctrl-C. While a command is executed the first one only asks it to stop where it can be taken up again; at any other
 * time, and the second time, the process ends at once, which is safe: what is half done is found by `recover`.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #endNow: (error: SnapledgerError) => void;
  readonly #what: Meaning;
  readonly #onStop: (() => void)[] = [];
  #executing = 0;
  #inner: Interrupt | undefined;
  #stopped = false;

  /** `endNow` reports the error and ends the process. */
  constructor(endNow: (error: SnapledgerError) => void, what: Meaning = "ends") {
    this.#endNow = endNow;
    this.#what = what;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** true: what was done was no command, and has been asked to stop. */
  get stopped(): boolean {
    return this.#stopped;
  }

  onStop(stop: () => void): void {
    this.#onStop.push(stop);
  }

  listen(): void {
    process.on("SIGINT", () => this.#interrupted());
  }

  /** While this works, Ctrl-C is for an Interrupt of its own. */
  async within<T>(what: Meaning, work: (inner: Interrupt) => Promise<T>): Promise<T> {
    this.#inner = new Interrupt(this.#endNow, what);
    try {
      return await work(this.#inner);
    } finally {
      this.#inner = undefined;
    }
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.#executing++;
    try {
      return await work;
    } finally {
      this.#executing--;
    }
  }

  #interrupted(): void {
    if (this.#inner) {
      this.#inner.#interrupted();
      return;
    }
    if (this.#what === "ignored") return;
    const second = this.#controller.signal.aborted;
    this.#controller.abort();
    if (this.#executing > 0 && !second) return;
    if (this.#what === "stops" && !second) {
      this.#stopped = true;
      for (const stop of this.#onStop) stop();
      return;
    }
    const hint = second
      ? "What was being done may be half done; nothing is lost: run `snapledger recover`."
      : "Nothing was changed. Run it again when you like.";
    this.#endNow(new SnapledgerError("INTERRUPTED", "Interrupted.", { hint }));
  }
}
