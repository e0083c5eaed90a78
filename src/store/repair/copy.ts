import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import { keepFiles } from "../integrity/original-files.ts";
import { HeadFile } from "../head-file.ts";
import { asStoreError, isUnwritable } from "../../system/disk-errors.ts";
import type { EventLog, LogHead } from "../../events/log.ts";
import { openChecked } from "../open.ts";
import { checkSafeToRead, storeLayout } from "../layout.ts";
import { lockStore } from "../lock/store-lock.ts";

/** A store's database as it was at one instant. Work on it leaves the store as it is. */
export interface StoreCopy {
  /** The one that the next opening takes: undefined when it finds none. */
  readonly database: string | undefined;
  /** That one, and the backups of openings that died, and what these left: one folder each. */
  readonly databases: readonly string[];
  /** What the head file says; null when it is missing or nothing in it can be read. */
  readonly head: LogHead | null;
}

/**
 * The store is locked only while the copy is made; the copy is gone when the work has ended. The work is done again
 * where the first copy can't be made or worked with for want of space.
 */
export async function withCopy<T>(folder: string, waitMs: number, work: (copy: StoreCopy) => Promise<T>): Promise<T> {
  checkSafeToRead(folder);
  try {
    return await workOn(placeBeside(folder), folder, waitMs, work);
  } catch (trouble) {
    if (!isUnwritable(trouble) || !isIn(folder, trouble)) throw trouble;
    const place = placeElsewhere(folder, trouble);
    return workOn(place, folder, waitMs, work).catch((error: unknown) => {
      throw isUnwritable(error) && (isIn(folder, error) || isIn(place, error)) ? noPlace(trouble) : error;
    });
  }
}

/** What else can't be written to is for the work to say: the store that it makes, above all. */
function isIn(folder: string, { facts }: SnapledgerError): boolean {
  return facts["folder"] === folder || String(facts["folder"]).startsWith(`${folder}/`);
}

async function workOn<T>(
  place: string,
  folder: string,
  waitMs: number,
  work: (copy: StoreCopy) => Promise<T>,
): Promise<T> {
  try {
    return await work(await copyInto(folder, place, waitMs));
  } catch (error) {
    throw asStoreError(error, folder);
  } finally {
    removePlace(place);
  }
}

const prefix = "snapledger-copy-";

/** Beside the database files are linked instead of copied. */
function placeBeside(folder: string): string {
  try {
    return mkdtempSync(join(storeLayout(folder).run, "copy-"));
  } catch (error) {
    const trouble = asStoreError(error, folder);
    if (isUnwritable(trouble)) throw trouble;
    return mkdtempSync(join(tmpdir(), prefix));
  }
}

/** Rejects with `trouble`, why nothing can be made beside, and what would help, when TMPDIR is no better. */
function placeElsewhere(folder: string, trouble: SnapledgerError): string {
  const other = tmpdir();
  try {
    // On a disk that is full nothing is taken from what is left for others.
    if (trouble.code === "DISK_FULL" && statSync(other).dev === statSync(folder).dev) throw trouble;
    return mkdtempSync(join(other, prefix));
  } catch {
    throw noPlace(trouble);
  }
}

function noPlace({ code, message, facts, hint, cause }: SnapledgerError): SnapledgerError {
  const place = tmpdir();
  const first = hint === undefined ? "" : `${hint} `;
  return new SnapledgerError(code, message, {
    facts: { ...facts, tmpdir: place },
    hint: `${first}To read meanwhile, set TMPDIR to a folder with room for the log on another disk: ${place} has none.`,
    cause,
  });
}

function removePlace(place: string): void {
  rmSync(place, { recursive: true, force: true });
}

async function copyInto(folder: string, place: string, waitMs: number): Promise<StoreCopy> {
  const { log, backup, head } = storeLayout(folder);
  const lock = await lockStore(folder, waitMs);
  try {
    const copies = databasesIn(folder, log).map((from): [string, string] => {
      const into = join(place, basename(from));
      keepFiles(from, into);
      return [from, into];
    });
    const copyOf = new Map(copies);
    const database = copyOf.get(log) ?? copyOf.get(backup);
    if (existsSync(head)) copyFileSync(head, storeLayout(place).head);
    return { database, databases: [...copyOf.values()], head: HeadFile.read(head) };
  } finally {
    await lock.release();
  }
}

/** The log first. Each other folder whose name begins with its name is, or was, a database of this store. */
function databasesIn(folder: string, log: string): string[] {
  const begin = `${basename(log)}.`;
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const others = folders.map(({ name }) => name).filter((name) => name.startsWith(begin));
  return [...(existsSync(log) ? [log] : []), ...others.sort().map((name) => join(folder, name))];
}

/** A log that was copied, and the folder above the copy. */
export interface CopiedLog {
  readonly log: EventLog;
  readonly above: string;
  /** The copy goes with it. */
  close(): Promise<void>;
}

/**
 * Opens a copy in TMPDIR, proven as the store itself would be. `trouble`: why that can't be, which is thrown when a copy
 * can't be made either. LOG_BUSY, LOG_DAMAGED.
 */
export async function openElsewhere(folder: string, waitMs: number, trouble: SnapledgerError): Promise<CopiedLog> {
  checkSafeToRead(folder);
  const place = placeElsewhere(folder, trouble);
  try {
    await copyInto(folder, place, waitMs);
    const layout = storeLayout(place);
    mkdirSync(layout.run);
    const opened = await openChecked(layout, neverAppends);
    const log = { ...opened, append: () => Promise.reject(trouble) };
    return { log, above: tmpdir(), close: () => log.close().finally(() => removePlace(place)) };
  } catch (error) {
    removePlace(place);
    throw isUnwritable(asStoreError(error, place)) ? noPlace(trouble) : error;
  }
}

/** Nothing asks for the time or an id. */
const neverAppends = { clock: () => 0, newId: () => "" };
