import { SnapledgerError } from "../errors.ts";

/**
 * Ctrl-C. While a command is executed the first one only asks it to stop where it can be taken up again; at any other
 * time, and the second time, the process ends at once, which is safe: what is half done is found by `recover`.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #endNow: (error: SnapledgerError) => void;
  #executing = 0;

  /** `endNow` reports the error and ends the process. */
  constructor(endNow: (error: SnapledgerError) => void) {
    this.#endNow = endNow;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  listen(): void {
    process.on("SIGINT", () => this.#interrupted());
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
    const second = this.#controller.signal.aborted;
    this.#controller.abort();
    if (this.#executing > 0 && !second) return;
    const hint = second
      ? "What was being done may be half done; nothing is lost: run snapledger recover."
      : "Nothing was changed. Run it again when you like.";
    this.#endNow(new SnapledgerError("INTERRUPTED", "Interrupted.", { hint }));
  }
}
