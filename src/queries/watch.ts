import type { EventEmitter } from "eventemitter3";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

interface WatchOptions {
  readonly from: number;
  readonly signal: AbortSignal | undefined;
  /** Emits when this process has appended. */
  readonly appends: EventEmitter<{ appended: [] }>;
  readonly position: () => Promise<number>;
  /** Changes when anything was appended; undefined when that cannot be told. */
  readonly stamp: () => Promise<string | undefined>;
}

/** How often the log is looked at for what other processes appended. */
const pollMs = 500;

/**
 * Yields the log's position each time records were appended: a wake-up alone, the listener reads the records itself. The
 * database is opened only when its files have changed: an idle watcher never opens it.
 */
export async function* watchLog({ from, signal, appends, position, stamp }: WatchOptions): AsyncIterable<number> {
  let looked: string | undefined;
  for (let seen = from; !signal?.aborted;) {
    const woken = wakeUp(appends, signal);
    const before = await stamp();
    const now = before === undefined || before !== looked ? await position() : seen;
    // What was there before the look: an append during it must not be taken for seen.
    looked = before;
    if (now > seen) yield (seen = now);
    else await woken;
  }
}

/** The sizes of the files that hold records. */
export async function logStamp(folder: string): Promise<string | undefined> {
  try {
    const names = (await readdir(folder)).filter((name) => /\.(log|ldb)$/.test(name)).sort();
    const sizes = await Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).size] as const));
    return sizes.flatMap(([name, size]) => (size > 0 ? `${name}=${size}` : [])).join(" ");
  } catch {
    return undefined;
  }
}

/** Resolves when this process has appended, when it is time to look again, or when the watch is over. */
async function wakeUp(appends: WatchOptions["appends"], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      appends.off("appended", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, pollMs);
    appends.on("appended", done);
    signal?.addEventListener("abort", done);
  });
}
