import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { keepFiles } from "./aside.ts";
import { HeadFile } from "./head-file.ts";
import { asStoreError } from "./level-errors.ts";
import type { LogHead } from "./log.ts";
import { checkSafe, storeLayout } from "./store-folder.ts";
import { lockStore } from "./store-lock.ts";

/** A store's database as it was at one instant. Whatever is done to it, the store stays as it is. */
export interface StoreCopy {
  /** The one that the next opening takes: undefined when it finds none. */
  readonly database: string | undefined;
  /** That one, and what openings that died had set aside or left: one folder each. */
  readonly databases: readonly string[];
  /** What the head file says; null when it is missing or nothing in it can be read. */
  readonly head: LogHead | null;
}

/** The store is locked only while the copy is made; the copy is gone when the work has ended. */
export async function withCopy<T>(folder: string, waitMs: number, work: (copy: StoreCopy) => Promise<T>): Promise<T> {
  checkSafe(folder);
  const place = makePlace(folder);
  try {
    return await work(await copyInto(folder, place, waitMs));
  } catch (error) {
    throw asStoreError(error, folder);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Beside the database files are linked instead of copied, if the store can be written to at all. */
function makePlace(folder: string): string {
  try {
    return mkdtempSync(join(storeLayout(folder).run, "copy-"));
  } catch {
    return mkdtempSync(join(tmpdir(), "snapledger-copy-"));
  }
}

async function copyInto(folder: string, place: string, waitMs: number): Promise<StoreCopy> {
  const { log, aside, head } = storeLayout(folder);
  const lock = await lockStore(folder, waitMs);
  try {
    const copies = databasesIn(folder, log).map((from, i): [string, string] => {
      const into = join(place, String(i));
      keepFiles(from, into);
      return [from, into];
    });
    const copyOf = new Map(copies);
    const database = copyOf.get(log) ?? copyOf.get(aside);
    return { database, databases: [...copyOf.values()], head: HeadFile.read(head) };
  } finally {
    await lock.release();
  }
}

/** The log first. Whatever else has a name that begins with its name is, or was, a database of this store. */
function databasesIn(folder: string, log: string): string[] {
  const begin = `${basename(log)}.`;
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const others = folders.map(({ name }) => name).filter((name) => name.startsWith(begin));
  return [...(existsSync(log) ? [log] : []), ...others.sort().map((name) => join(folder, name))];
}
