import { SnapledgerError, isSnapledgerError } from "../errors.ts";
import type { Actor } from "../events/events.ts";
import type { Clock, NewId } from "../events/ids.ts";
import { checkNotBehind, type KnownHeads } from "./known-heads.ts";
import { asStoreError, isUnwritable } from "../system/disk-errors.ts";
import { createLevelEventLog, type LevelEventLog } from "../events/level/level-log.ts";
import type { EventLog, LogAccess, LogHead } from "../events/log.ts";
import { makeStore } from "./create.ts";
import { openChecked } from "./open.ts";
import { checkStore, storeLayout } from "./layout.ts";
import { lockStore, logBusy } from "./lock/store-lock.ts";

export { storeLayout, type StoreLayout } from "./layout.ts";

export interface StoreOptions {
  readonly clock: Clock;
  readonly newId: NewId;
}

export interface OpenOptions extends StoreOptions {
  /** How long to wait for another process that has the log open; then LOG_BUSY. */
  readonly waitMs: number;
  /** Keep the database open from the first use to the end. */
  readonly hold: boolean;
  /** What this process is doing, for those who wait for it. */
  readonly verb?: string | undefined;
  /** Heads that were seen before: a log behind them is read, but not written to (LOG_BEHIND). */
  readonly knownHeads?: KnownHeads | undefined;
}

/** Makes a store with a new log, as `makeStore`. */
export function initStore(folder: string, options: StoreOptions & { readonly actor: Actor }): Promise<LogHead> {
  return makeStore(folder, async (logFolder) => {
    const log = await createLevelEventLog(logFolder, options);
    try {
      return await log.head();
    } finally {
      await log.close();
    }
  });
}

/**
 * The log of an existing store. Each use opens the database and closes it again, unless `hold`; uses that overlap
 * share one opening. Rejects with STORE_NOT_FOUND, STORE_UNSAFE; a use also with LOG_BUSY, LOG_DAMAGED, DISK_FULL.
 */
export function openStore(folder: string, options: OpenOptions): Promise<LogAccess> {
  return new Promise((resolve) => {
    try {
      checkStore(folder);
    } catch (error) {
      // The first use of the log rejects with it: there may be something to show, and to salvage.
      if (!isSnapledgerError(error, "LOG_DAMAGED") && !isUnwritable(error)) throw error;
    }
    resolve(new StoreAccess(folder, options));
  });
}

class StoreAccess implements LogAccess {
  readonly #folder: string;
  readonly #options: OpenOptions;
  readonly #uses = new Set<Promise<unknown>>();
  #opened: Promise<LevelEventLog> | undefined;
  #shut: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(folder: string, options: OpenOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async use<T>(work: (log: EventLog) => Promise<T>): Promise<T> {
    if (this.#closed) throw new SnapledgerError("LOG_UNWRITABLE", "The store was closed.");
    const using = this.#run(work);
    this.#uses.add(using);
    try {
      return await using;
    } finally {
      this.#uses.delete(using);
      if (this.#uses.size === 0 && !this.#options.hold) await this.#shutDatabase();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#uses);
    await this.#shutDatabase();
  }

  async #run<T>(work: (log: EventLog) => Promise<T>): Promise<T> {
    this.#opened ??= this.#shut.catch(() => undefined).then(() => openWaiting(this.#folder, this.#options));
    const opened = this.#opened;
    const log = await opened.catch((error: unknown) => {
      // The next use tries again.
      if (this.#opened === opened) this.#opened = undefined;
      throw error;
    });
    return work(log);
  }

  /** The next opening waits for this: in one process, too, LevelDB lets only one in. */
  async #shutDatabase(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened) this.#shut = opened.then((log) => log.close());
    await this.#shut;
  }
}

async function openWaiting(folder: string, options: OpenOptions): Promise<LevelEventLog> {
  checkStore(folder);
  const { clock, newId, waitMs, verb, knownHeads } = options;
  const layout = storeLayout(folder);
  const lock = await lockStore(folder, waitMs);
  lock.name(verb ?? null, clock());
  try {
    const log = await openChecked(layout, { clock, newId });
    const close = () => log.close().finally(() => lock.release());
    return knownHeads ? await refuseRollback(knownHeads, { ...log, close }) : { ...log, close };
  } catch (error) {
    await lock.release();
    if (isSnapledgerError(error, "LOG_BUSY")) throw logBusy(folder, waitMs, error);
    throw asStoreError(error, folder);
  }
}

/** What is seen of the log is learnt while nobody else can have gone on; one that is behind is not appended to. */
async function refuseRollback(knownHeads: KnownHeads, log: LevelEventLog): Promise<LevelEventLog> {
  const { logId } = await log.head();
  let error = await checkNotBehind(log, knownHeads.of(logId)).catch(async (cause: unknown) => {
    await log.close();
    throw cause;
  });
  return {
    ...log,
    async append(events, expected) {
      // The event that says so lets in what follows it.
      if (error && events[0]?.type !== "LogRolledBack") throw error;
      const records = await log.append(events, expected);
      error = undefined;
      return records;
    },
    async close() {
      const head = await log.head();
      if (!error && knownHeads.of(logId)?.hash !== head.hash) knownHeads.learn(head);
      await log.close();
    },
  };
}
