import { chmod, mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SnapledgerError, isSnapledgerError } from "../errors.ts";
import type { Actor } from "./events.ts";
import { HeadFile } from "./head-file.ts";
import { logBusy, nameHolder } from "./holder.ts";
import type { Clock, NewId } from "./ids.ts";
import { diskTrouble } from "./level-errors.ts";
import { createLevelEventLog, type LevelEventLog } from "./level-log.ts";
import type { EventLog, LogAccess, LogHead } from "./log.ts";
import { openChecked } from "./open-checked.ts";
import { checkEmpty, checkSafe, checkStore, storeLayout, unfinishedLog } from "./store-folder.ts";
import { lockStore } from "./store-lock.ts";

export { storeLayout, type StoreLayout } from "./store-folder.ts";

export interface StoreOptions {
  readonly clock: Clock;
  readonly newId: NewId;
}

export interface OpenOptions extends StoreOptions {
  /** How long to wait for another process that has the log open; then LOG_BUSY. */
  readonly waitMs: number;
  /** Keep the database open from the first use to the end. */
  readonly hold: boolean;
  /** What this process is doing, for whoever waits for it. */
  readonly verb?: string;
}

/**
 * Makes a store in `folder`, which is made too if it is not there: folders 0700, files 0600. Rejects with
 * STORE_EXISTS when there is a store or anything else in it, STORE_UNSAFE.
 */
export async function initStore(folder: string, options: StoreOptions & { readonly actor: Actor }): Promise<LogHead> {
  await makeFolder(folder);
  const lock = await lockStore(folder, waitForInitMs);
  try {
    await checkEmpty(folder);
    return await fill(folder, options);
  } catch (error) {
    throw asStoreError(error, folder);
  } finally {
    await lock.release();
  }
}

const waitForInitMs = 5000;

/** The database's folder gets its name last: until then there is no store. */
async function fill(folder: string, options: StoreOptions & { readonly actor: Actor }): Promise<LogHead> {
  const { log, head: headPath, layers, run, checkpoints } = storeLayout(folder);
  for (const part of [layers, run, checkpoints]) await mkdir(part, { recursive: true, mode: 0o700 });
  const unfinished = await mkdtemp(join(folder, unfinishedLog));
  try {
    const head = await makeLog(unfinished, options);
    await rm(headPath, { force: true });
    HeadFile.create(headPath, { ...head, tables: 0 });
    await syncFolder(folder);
    await rename(unfinished, log);
    for (const changed of [folder, dirname(folder)]) await syncFolder(changed);
    return head;
  } catch (error) {
    await rm(headPath, { force: true });
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) return;
  } catch (error) {
    await checkSafe(folder);
    throw error;
  }
  await checkSafe(folder);
  await checkEmpty(folder);
  await chmod(folder, 0o700);
}

async function makeLog(folder: string, options: StoreOptions & { readonly actor: Actor }): Promise<LogHead> {
  const log = await createLevelEventLog(folder, options);
  const head = await log.head();
  await log.close();
  for (const file of await readdir(folder)) await chmod(join(folder, file), 0o600);
  await syncFolder(folder);
  return head;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The log of an existing store. Each use opens the database and closes it again, unless `hold`; uses that overlap
 * share one opening. Rejects with STORE_NOT_FOUND, STORE_UNSAFE, LOG_DAMAGED.
 */
export async function openStore(folder: string, options: OpenOptions): Promise<LogAccess> {
  await checkStore(folder);
  return new StoreAccess(folder, options);
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

/** Opening takes about 5 ms and most others hold it no longer, so waiting starts short. */
async function openWaiting(folder: string, { clock, newId, waitMs, verb }: OpenOptions): Promise<LevelEventLog> {
  await checkStore(folder);
  const layout = storeLayout(folder);
  const lock = await lockStore(folder, waitMs);
  try {
    const log = await openChecked(layout, { clock, newId });
    nameHolder(layout.run, verb ?? null, clock());
    const close = async () => {
      await log.close().finally(() => lock.release());
    };
    return { ...log, close };
  } catch (error) {
    await lock.release();
    if (isSnapledgerError(error, "LOG_BUSY")) throw logBusy(folder, layout.run, waitMs, error);
    throw asStoreError(error, folder);
  }
}

/** What the disk said while the store's own files were read or written, as ours. */
function asStoreError(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (isSnapledgerError(error) || code === undefined) return error;
  return diskTrouble(code, folder, error) ?? error;
}
