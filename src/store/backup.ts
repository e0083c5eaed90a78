import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { link, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { asDiskFull, asWrongTarget } from "../system/disk-errors.ts";
import { isSnapledgerError, SnapledgerError } from "../errors.ts";
import { Chain } from "../events/chain.ts";
import type { Actor, Envelope } from "../events/events.ts";
import { sha256 } from "../events/hash.ts";
import type { Clock, NewId } from "../events/ids.ts";
import { asStoreError, diskTrouble } from "../system/disk-errors.ts";
import { openLevelEventLog } from "../events/level/level-log.ts";
import type { EventLog, LogAccess, LogHead, StoredRecord } from "../events/log.ts";
import { syncPath } from "../system/write.ts";
import { makeStore } from "./create.ts";
import { provenAt } from "../events/level/read.ts";
import { writeLog } from "../events/level/bulk-write.ts";

/**
 * A backup is FILE.tar.gz of two files: the log as NDJSON, one stored line each, exactly its bytes; and where it ends.
 * It needs neither LevelDB nor snapledger to be read: each line is proven with sha256sum (docs/event-format.md).
 */
const logName = "log.ndjson";
const headName = "head.json";

interface BackupHead extends LogHead {
  readonly format: 1;
  /** ISO 8601 UTC. */
  readonly time: string;
}

type Progress = (done: number, total: number) => void;

/**
 * Writes every record up to the head at the call, proven on the way. Others work on meanwhile: `read` holds the store
 * only while it reads a part. Rejects with FILE_EXISTS, LOG_DAMAGED, and what the disk says.
 */
export async function backupLog(
  log: LogAccess,
  read: (to: number) => AsyncIterable<StoredRecord>,
  file: string,
  { clock, onProgress }: { readonly clock: Clock; readonly onProgress?: Progress | undefined },
): Promise<LogHead> {
  if (existsSync(file)) throw exists(file);
  const head = await log.use((opened) => opened.head());
  const folder = await mkdtemp(`${file}.unfinished-`).catch((error: unknown) => {
    throw asWrongTarget(error, file);
  });
  try {
    const lines = linesOfRecords(proven(read(head.position + 1), head, onProgress));
    await pipeline(lines, createWriteStream(join(folder, logName), { mode: 0o600, flags: "wx" }));
    const end: BackupHead = { ...head, format: 1, time: new Date(clock()).toISOString() };
    await writeFile(join(folder, headName), `${JSON.stringify(end, null, 2)}\n`, { mode: 0o600 });
    await pack(folder, file);
    return head;
  } catch (error) {
    throw asStoreError(asDiskFull(error, file), dirname(file));
  } finally {
    await removeIfPossible(folder);
  }
}

/** On a disk that fails it stays; its name says that it is unfinished. */
async function removeIfPossible(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

/** Rejects with LOG_DAMAGED at the first record that is not proven, and at the end when that is not the head. */
async function* proven(
  records: AsyncIterable<StoredRecord>,
  head: LogHead,
  onProgress: Progress | undefined,
): AsyncGenerator<StoredRecord> {
  const chain = new Chain(sha256);
  for await (const stored of records) {
    const why = chain.prove(stored);
    if (why !== null) throw notProven(chain.end.position + 1, why);
    if (chain.end.position % 1000 === 0) onProgress?.(chain.end.position, head.position);
    yield stored;
  }
  if (chain.end.position !== head.position || chain.end.hash !== head.hash)
    throw notProven(chain.end.position + 1, `it does not end at ${head.position} with the hash of its head`);
  onProgress?.(head.position, head.position);
}

function notProven(position: number, why: string): SnapledgerError {
  return new SnapledgerError("LOG_DAMAGED", `The log is damaged at position ${position}: ${why}.`, {
    facts: { position, why },
    hint: "Nothing was written. See `snapledger verify`.",
  });
}

async function* linesOfRecords(records: AsyncIterable<StoredRecord>): AsyncGenerator<string> {
  for await (const { line } of records) yield `${line}\n`;
}

/** Durable, and under its name whole or not at all. */
async function pack(folder: string, file: string): Promise<void> {
  const { create } = await import("tar");
  const packed = join(folder, "packed");
  await create({ gzip: true, file: packed, cwd: folder, portable: true, mode: 0o600 }, [headName, logName]);
  await syncPath(packed);
  // Unlike a rename it never takes the place of a file that came meanwhile.
  await link(packed, file).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? exists(file) : error;
  });
  await syncPath(dirname(file));
}

function exists(file: string): SnapledgerError {
  return new SnapledgerError("FILE_EXISTS", `There is a file ${file} already.`, {
    facts: { file },
    hint: "Name another file, or move that one away.",
  });
}

export interface RestoreOptions {
  readonly clock: Clock;
  readonly newId: NewId;
  readonly actor: Actor;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly onProgress?: Progress | undefined;
}

/**
 * Makes a store in `folder` of a backup, each record proven on the way, and records that in it as LogRestored. Rejects
 * with BACKUP_INVALID, FILE_NOT_FOUND, STORE_EXISTS.
 */
export async function restoreLog(file: string, folder: string, options: RestoreOptions): Promise<LogHead> {
  // Before a folder is made for what is not there.
  if (!existsSync(file)) throw notFound(file);
  return makeStore(folder, async (logFolder) => {
    const unpacked = await mkdtemp(join(folder, "log.unfinished-restore-"));
    try {
      await unpack(file, unpacked);
      const head = await readHead(file, join(unpacked, headName));
      await writeLog(logFolder, proven(readLines(join(unpacked, logName)), head, options.onProgress));
      return await sealRestore(logFolder, head, options);
    } catch (error) {
      throw isSnapledgerError(error, "LOG_DAMAGED") ? invalid(file, error.message, error) : error;
    } finally {
      await removeIfPossible(unpacked);
    }
  });
}

async function unpack(file: string, into: string): Promise<void> {
  const { extract } = await import("tar");
  const wanted = (path: string): boolean => path === logName || path === headName;
  try {
    await extract({ file, cwd: into, strict: true, filter: wanted });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw diskTrouble(code ?? "", into, error) ?? invalid(file, message, error);
  }
}

async function readHead(file: string, path: string): Promise<BackupHead> {
  try {
    const head = JSON.parse(await readFile(path, "utf8")) as Partial<BackupHead>;
    if (head.format === 1 && typeof head.hash === "string" && Number.isSafeInteger(head.position))
      return head as BackupHead;
  } catch (error) {
    throw invalid(file, `it has no ${headName} that can be read`, error);
  }
  throw invalid(file, `its ${headName} is not of format 1`);
}

async function* readLines(path: string): AsyncGenerator<StoredRecord> {
  let at = 0;
  for await (const line of linesOf(path)) yield provenAt(++at, line);
}

/** By newlines alone: a stored line may hold U+2028. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, { encoding: "utf8" }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

async function sealRestore(logFolder: string, backup: BackupHead, options: RestoreOptions): Promise<LogHead> {
  const { clock, newId, actor, reason, ticket } = options;
  const log: EventLog = await openLevelEventLog(logFolder, { clock, newId });
  const envelope: Envelope = { domain: null, actor, reason, ticket, operation: null, commandId: null };
  const { position, hash, time } = backup;
  try {
    const data = { found: { position, hash }, time };
    await log.append([{ ...envelope, type: "LogRestored", schema: 1, data }]);
    return await log.head();
  } finally {
    await log.close();
  }
}

function invalid(file: string, why: string, cause?: unknown): SnapledgerError {
  return new SnapledgerError("BACKUP_INVALID", `${file} is no whole backup of a log: ${why.replace(/\.$/, "")}.`, {
    facts: { file, why },
    hint: "Nothing was restored. Take another copy of the backup.",
    cause,
  });
}

function notFound(file: string): SnapledgerError {
  return new SnapledgerError("FILE_NOT_FOUND", `There is no file ${file}.`, {
    facts: { file },
    hint: "Name a backup.",
  });
}
