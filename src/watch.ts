import type { EventEmitter } from "eventemitter3";

interface WatchOptions {
  readonly from: number;
  readonly signal: AbortSignal | undefined;
  /** Rings when this process has appended. */
  readonly doorbell: EventEmitter<{ grown: [] }>;
  readonly position: () => Promise<number>;
}

/** How often the log is looked at for what other processes appended. */
const pollMs = 500;

/** Yields the log's position each time it has grown: a wake-up alone, whoever listens reads the records itself. */
export async function* watchLog({ from, signal, doorbell, position }: WatchOptions): AsyncIterable<number> {
  for (let seen = from; !signal?.aborted;) {
    const woken = wakeUp(doorbell, signal);
    const now = await position();
    if (now > seen) yield (seen = now);
    else await woken;
  }
}

/** Resolves when the doorbell rings, when it is time to look again, or when the watch is over. */
async function wakeUp(doorbell: WatchOptions["doorbell"], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      doorbell.off("grown", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, pollMs);
    doorbell.on("grown", done);
    signal?.addEventListener("abort", done);
  });
}
