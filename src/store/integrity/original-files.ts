import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";

/**
 * Opening a LevelDB database changes it: records that it can't read in its write-ahead log are dropped, and the files
 * they stood in deleted. So its files are backed up before each opening, and restored unless what was opened is what
 * the head file says.
 */
export interface OriginalFiles {
  readonly log: string;
  readonly backup: string;
}

/** Its lock is about now, its info log about nothing: neither is part of what is stored. */
const notStored = new Set(["LOCK", "LOG", "LOG.old"]);

/**
 * Keeps the database's files in a folder, which must not be there yet: links, where that is as good as a copy. It is
 * not for a file that is younger than the manifest that CURRENT names. A manifest that is older than it should be
 * (measured: yesterday's, put back) gives numbers out again, and LevelDB then writes over a file that it does not know.
 */
export function keepFiles(log: string, into: string): void {
  mkdirSync(into, { mode: 0o700 });
  const manifest = manifestNumber(log);
  for (const name of readdirSync(log)) {
    if (notStored.has(name)) continue;
    const [path, kept] = [`${log}/${name}`, `${into}/${name}`];
    if (!isOlder(name, manifest) || !linked(path, kept)) copyFileSync(path, kept);
  }
}

/** false where there can be no link: another file system, or one that has none. */
function linked(path: string, into: string): boolean {
  try {
    linkSync(path, into);
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP"].includes(code)) return false;
    throw error;
  }
}

/** 0 when CURRENT can't be read: then everything is younger. */
function manifestNumber(log: string): number {
  try {
    return Number(/^MANIFEST-(\d+)\n$/.exec(readFileSync(`${log}/CURRENT`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** A write-ahead log is only ever read and deleted; the number of a new one is never that of one that is there. */
function isOlder(name: string, manifest: number): boolean {
  const [, number, kind] = /^(\d+)\.(ldb|sst|log)$/.exec(name) ?? [];
  return kind === "log" || (kind !== undefined && Number(number) < manifest);
}

/** Whole or not at all. What a process left that died in the midst of it is cleared away first. */
export function backUp({ log, backup }: OriginalFiles): void {
  const unfinished = `${backup}.unfinished`;
  for (const old of [unfinished, backup]) removeFiles(old);
  try {
    keepFiles(log, unfinished);
  } catch (error) {
    removeIfPossible(unfinished);
    throw error;
  }
  renameSync(unfinished, backup);
}

/** Once it has another name it does not count any more: what can't be removed now is by the next one. */
export function discardBackup({ backup }: OriginalFiles): void {
  const dropped = `${backup}.dropped`;
  removeFiles(dropped);
  renameSync(backup, dropped);
  removeIfPossible(dropped);
}

function removeIfPossible(folder: string): void {
  try {
    removeFiles(folder);
  } catch {
    return;
  }
}

/** The database as it was before it was opened. At no instant is there none but the backup. */
export function restore({ log, backup }: OriginalFiles): void {
  if (!existsSync(backup)) return;
  const opened = `${log}.opened`;
  if (existsSync(log)) {
    removeFiles(opened);
    renameSync(log, opened);
  }
  renameSync(backup, log);
  removeIfPossible(opened);
}

/** The backup of `to` becomes the database, and the database becomes the backup of `from`. */
export function exchange(to: OriginalFiles, from: OriginalFiles): void {
  removeFiles(from.backup);
  renameSync(to.log, from.backup);
  renameSync(to.backup, to.log);
}

/**
 * true: a process died between backing the files up and the end of its check. It has acknowledged nothing, and the
 * database may be as it found it or as the opening left it.
 */
export function hasBackup({ log, backup }: OriginalFiles): boolean {
  if (!existsSync(backup)) return false;
  if (!existsSync(log)) restore({ log, backup });
  return existsSync(backup);
}

/** A folder of files alone. Half as long as `rmSync`, and it is done at every opening. */
function removeFiles(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) unlinkSync(`${folder}/${name}`);
  rmdirSync(folder);
}
