import { statSync } from "node:fs";
import { join } from "node:path";
import { isSnapledgerError, SnapledgerError } from "../errors.ts";
import { mostInGroup } from "../events/append-queue.ts";
import { backUp, discardBackup, exchange, hasBackup, restore, type OriginalFiles } from "./integrity/original-files.ts";
import { checkLogs } from "./integrity/wal-check.ts";
import { checkTables, rememberTables } from "./integrity/table-check.ts";
import { proveDropped } from "./integrity/dropped-tables.ts";
import { HeadFile, type Head } from "./head-file.ts";
import type { Clock, NewId } from "../events/ids.ts";
import { damaged } from "../events/damage.ts";
import { openLevelEventLog, type LevelEventLog } from "../events/level/level-log.ts";
import { Tables } from "../events/level/tables.ts";

export interface CheckedLayout extends OriginalFiles {
  readonly head: string;
  readonly run: string;
}

export interface CheckedOptions {
  readonly clock: Clock;
  readonly newId: NewId;
}

/**
 * Opens a store's database, and proves that it holds what the head file says: the last records, and all that lay in
 * LevelDB's write-ahead log, position by position and hash by hash. Rejects with LOG_DAMAGED, and then leaves the
 * database's files as they were found. For the one process that has the store's lock.
 */
export async function openChecked(layout: CheckedLayout, options: CheckedOptions): Promise<LevelEventLog> {
  if (!hasBackup(layout)) return openKept(layout, layout, options);
  // As the dead one left it, it may be what it must be; else as that one found it.
  const left = { log: layout.log, backup: `${layout.log}.left` };
  try {
    return await dropping(layout, await openKept(layout, left, options));
  } catch (error) {
    if (isSnapledgerError(error, "LOG_BUSY")) throw error;
  }
  exchange(layout, left);
  try {
    return await dropping(left, await openKept(layout, layout, options));
  } catch (error) {
    if (!isSnapledgerError(error, "LOG_BUSY")) exchange(left, layout);
    throw error;
  }
}

/** Its files are backed up meanwhile, and restored unless all is proven. */
async function openKept(layout: CheckedLayout, kept: OriginalFiles, options: CheckedOptions): Promise<LevelEventLog> {
  const memory = join(layout.run, "tables.json");
  const tables = checkTables(layout.log, memory);
  checkLogs(layout.log);
  backUp(kept);
  try {
    const log = await dropping(kept, await openProven(layout, kept, options));
    rememberTables(layout.log, memory, tables);
    return log;
  } catch (error) {
    onOpenFailed(kept, error);
    throw error;
  }
}

/** Nothing is renamed under a database that is open. */
async function dropping(kept: OriginalFiles, log: LevelEventLog): Promise<LevelEventLog> {
  try {
    discardBackup(kept);
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Another process that has the database open in spite of the lock must not have it moved. */
function onOpenFailed(kept: OriginalFiles, error: unknown): void {
  try {
    if (isSnapledgerError(error, "LOG_BUSY")) discardBackup(kept);
    else restore(kept);
  } catch {
    // The next opening finds the backup.
  }
}

async function openProven(layout: CheckedLayout, kept: OriginalFiles, options: CheckedOptions): Promise<LevelEventLog> {
  const lockPath = join(layout.log, "LOCK");
  let lock: bigint | undefined;
  let tables: Tables | undefined;
  const opening = openLevelEventLog(layout.log, {
    ...options,
    beforeBatch() {
      if (inodeOf(lockPath) !== lock || !head.isInPlace()) throw replaced(layout);
    },
    afterBatch(end, bytes) {
      head.write({ ...end, tables: tables?.after(end.position, bytes) ?? head.head.tables });
    },
  });
  const [log, head] = await withHead(opening, layout.head);
  const close = () => log.close().finally(() => head.close());
  try {
    lock = inodeOf(lockPath);
    const end = await prove(log, head.head);
    await proveDropped(log, kept, head.head.position);
    tables = new Tables(end.position);
    bringUpToDate(head, { ...end, tables: end.position });
    return { ...log, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The head file is read while another thread opens the database. Rejects with what is wrong with the database first:
 * that somebody else has it open, above all.
 */
async function withHead(opening: Promise<LevelEventLog>, path: string): Promise<[LevelEventLog, HeadFile]> {
  const reading = new Promise<HeadFile>((resolve) => resolve(HeadFile.open(path)));
  const [opened, read] = await Promise.allSettled([opening, reading]);
  if (opened.status === "rejected") {
    if (read.status === "fulfilled") read.value.close();
    throw opened.reason;
  }
  if (read.status === "rejected") {
    await opened.value.close();
    throw read.reason;
  }
  return [opened.value, read.value];
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function replaced({ log, head }: CheckedLayout): SnapledgerError {
  return new SnapledgerError("LOG_UNWRITABLE", `${log}/LOCK or ${head} was removed or replaced while it was open.`, {
    hint: "Nothing more is written: two could write at once. End this process and see who touched the store.",
  });
}

/** Reading all of what must be there is the proof: it rejects with LOG_DAMAGED at a gap, a hash or a link that is wrong. */
async function prove(log: LevelEventLog, head: Head) {
  const end = await log.head();
  if (end.logId !== head.logId) throw damaged(1, "it begins another log than that of the head file");
  if (end.position < head.position)
    throw damaged(end.position + 1, `it is missing: the log went on to ${head.position}`);
  if (end.position > head.position + mostInGroup)
    throw damaged(head.position + 1, `the head file ends before it, but the log goes on to ${end.position}`);
  for await (const { record } of log.read({ from: Math.max(1, Math.min(head.tables, head.position)) })) {
    if (record.position === head.position && record.hash !== head.hash)
      throw damaged(record.position, "its hash is not the one in the head file");
  }
  return end;
}

/** After a crash the log may be ahead of the head file by the group that nobody was told of. */
function bringUpToDate(file: HeadFile, now: Head): void {
  if (file.sound && file.head.position === now.position && file.head.tables === now.tables) return;
  try {
    file.write(now);
  } catch {
    // Reading goes on; the next append fails where this did.
  }
}
