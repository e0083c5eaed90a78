import { accessSync, constants, lstatSync, readdirSync } from "node:fs";
import type { Stats } from "node:fs";
import { basename, join } from "node:path";
import { shellQuote, SnapledgerError } from "../errors.ts";
import { damaged } from "../events/damage.ts";
import { diskTrouble, isUnwritable } from "../system/disk-errors.ts";

/**
 * What lies where in a store's folder, and whether it may be trusted. Each command looks at it, with blocking calls: a
 * hop to another thread takes longer.
 */

/** Where things are in a store; all absolute if `folder` is. */
export interface StoreLayout {
  /** The LevelDB database: the only source of truth. */
  readonly log: string;
  /** Says where the log has to end. */
  readonly head: string;
  /** The database's files as they were before they were opened, until what was opened is proven. */
  readonly backup: string;
  /** One folder per domain that was defined without one of its own. */
  readonly layers: string;
  /** Who works on which domain, and who has the log open. */
  readonly run: string;
  readonly checkpoints: string;
  /** What signs the log's checkpoints. */
  readonly key: string;
}

export function storeLayout(folder: string): StoreLayout {
  const at = (name: string) => join(folder, name);
  return {
    ...{ log: at("log"), head: at("head"), backup: at("log.aside") },
    ...{ layers: at("layers"), run: at("run"), checkpoints: at("checkpoints"), key: at("key.pem") },
  };
}

/** The database is made under this name and then renamed to `log`, so that a store is there whole or not at all. */
export const unfinishedLog = "log.unfinished-";

/** Rejects with STORE_NOT_FOUND, STORE_UNSAFE, or LOG_DAMAGED when the database has lost the file that names its parts. */
export function checkStore(folder: string): void {
  const found = folderAt(folder);
  const names = namesIn(folder);
  const wrong = names && wrongIn(folder, names);
  // Before the folder's owner and mode are checked: those of a folder without a store do not matter.
  if (wrong?.code === "STORE_NOT_FOUND") throw wrong;
  checkTrust(folder, found, names);
  if (wrong) throw wrong;
}

function wrongIn(folder: string, names: readonly string[]): SnapledgerError | undefined {
  const { log, backup, head } = storeLayout(folder);
  // A process that died while it put the database back: the next opening does.
  if (!names.includes("log") && names.includes(basename(backup))) return undefined;
  const files = names.includes("log") ? namesIn(log) : undefined;
  if (files?.includes("CURRENT")) return undefined;
  if (files !== undefined) return damaged(0, `${join(log, "CURRENT")} is missing`);
  // An `init` that died had made the head file already, and a database that never became the log.
  if (names.includes(basename(head)) && !names.some((name) => name.startsWith(unfinishedLog)))
    return damaged(0, `${log} is missing`);
  return notFound(folder);
}

/** undefined when it is no folder that can be read. */
function namesIn(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch {
    return undefined;
  }
}

/**
 * The record of who did what is worth as much as the folder it lies in is closed to others: it must be a folder of
 * this user's own, no link to one, that nobody else can write to.
 */
function checkSafe(folder: string): void {
  checkTrust(folder, folderAt(folder), namesIn(folder));
}

/** The same for what is only read from it, wherever it is mounted. */
export function checkSafeToRead(folder: string): void {
  try {
    checkSafe(folder);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
  }
}

function folderAt(folder: string): Stats {
  const found = lookedAt(folder);
  if (found.isSymbolicLink()) throw unsafe(folder, "is a symbolic link", "Name the folder itself.");
  if (!found.isDirectory()) throw unsafe(folder, "is not a folder", "Name the store's folder.");
  return found;
}

function checkTrust(folder: string, found: Stats, names: readonly string[] | undefined): void {
  if (found.uid !== process.getuid?.())
    throw unsafe(folder, `belongs to uid ${found.uid}`, "Run as the user whose store it is.");
  if ((found.mode & 0o022) !== 0) {
    // A folder that is not a store's alone is not to be closed to those who use it: nor is one as /tmp.
    const ours = (found.mode & 0o1000) === 0 && names?.includes("log") && names.includes("head");
    const hint = ours ? `chmod 700 ${shellQuote(folder)}` : "Name a folder of its own for the store with --store.";
    throw unsafe(folder, "can be written to by others", hint);
  }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const trouble = code === "EROFS" ? diskTrouble(code, folder, error) : undefined;
    throw trouble ?? unsafe(folder, "can't be read and written", `chmod u+rwx ${shellQuote(folder)}`, error);
  }
}

function lookedAt(folder: string): Stats {
  try {
    return lstatSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw notFound(folder);
    throw unsafe(folder, "can't be looked at", "Check the folders above it.", error);
  }
}

/** A folder that is there may become a store: STORE_EXISTS, and only then STORE_UNSAFE. */
export function checkFit(folder: string): void {
  const found = folderAt(folder);
  if (namesIn(folder)) checkEmpty(folder);
  checkTrust(folder, found, []);
}

/** Rejects with STORE_EXISTS unless the folder is empty, but for what an `init` that died left. */
export function checkEmpty(folder: string): void {
  const ours = new Set(["layers", "run", "checkpoints"]);
  const names = readdirSync(folder);
  const facts = { folder };
  const died = names.some((name) => name.startsWith(unfinishedLog));
  if (names.includes("log") || (names.includes("head") && !died))
    throw new SnapledgerError("STORE_EXISTS", `There is a store in ${folder} already.`, {
      facts,
      hint: "Use it as it is, or name another folder with --store.",
    });
  if (died) ours.add("head");
  const foreign = names.find((name) => !ours.has(name) && !name.startsWith(unfinishedLog));
  if (foreign !== undefined)
    throw new SnapledgerError("STORE_EXISTS", `${folder} is not empty: it holds "${foreign}".`, {
      facts: { ...facts, foreign },
      hint: "Name an empty or a new folder with --store.",
    });
}

function notFound(folder: string): SnapledgerError {
  return new SnapledgerError("STORE_NOT_FOUND", `There is no store in ${folder}.`, {
    facts: { folder },
    hint: "Make one with `snapledger init`, or name another folder with --store.",
  });
}

function unsafe(folder: string, why: string, hint: string, cause?: unknown): SnapledgerError {
  return new SnapledgerError("STORE_UNSAFE", `${folder} ${why}.`, { facts: { folder, why }, hint, cause });
}
