import type { Random } from "../support/random.ts";

const goOn = Promise.resolve();

/**
 * Who goes on next is drawn: whatever a command waits for (a driver's step, the log, a lock) is a turn, and turns are
 * given one at a time, each until everybody waits again. No timer and no real input or output is involved, so that one
 * seed has one order.
 */
export class Scheduler {
  readonly #drawn: Random;
  readonly #waiting: (() => void)[] = [];
  #over = false;

  constructor(drawn: Random) {
    this.#drawn = drawn;
  }

  /** Whoever is alone goes on at once; nobody does once the run is over. */
  turn(): Promise<void> {
    if (this.#waiting.length === 0 && !this.#over) return goOn;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stands in for `setImmediate` in the code under test. */
  later = (work: () => void): void => void this.#waiting.push(work);

  /** Rejects as `main` does, or when everybody waits for somebody else. */
  run<T>(main: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (then: () => void) => {
        this.#over = true;
        then();
      };
      const step = () => {
        if (this.#over) return;
        const [next] = this.#waiting.splice(this.#drawn.below(this.#waiting.length), 1);
        if (!next) {
          end(() => reject(new Error("stuck: everybody waits, and nobody can go on")));
          return;
        }
        next();
        whenAllWait(step);
      };
      main().then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
      whenAllWait(step);
    });
  }
}

/** A tick that is asked for by a microtask comes when no microtask is left: everybody waits for a turn then. */
function whenAllWait(step: () => void): void {
  queueMicrotask(() => process.nextTick(step));
}
