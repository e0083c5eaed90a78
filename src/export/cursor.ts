import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { kernelLock, type KernelLock } from "../system/kernel-lock.ts";
import { replaceFile } from "../system/write.ts";
import type { Connection } from "../connection/api.ts";
import { SnapledgerError } from "../errors.ts";

/** How far an export has come, kept in a file between runs. */
export interface Cursor {
  readonly logId: string;
  /** The last position that was exported, and its hash; 0 and none before the first run. */
  readonly position: number;
  readonly hash: string;
  /** The file that was written, and how long it was then. */
  readonly output: { readonly inode: number; readonly bytes: number } | null;
}

/** undefined when there is none yet. CURSOR_INVALID, FILE_NOT_FOUND. */
export async function readCursor(path: string): Promise<Cursor | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(path, error);
  }
  const cursor = parsed(text);
  if (cursor) return cursor;
  throw new SnapledgerError("CURSOR_INVALID", `${path} is no cursor.`, {
    facts: { path },
    hint: "Name the file of an earlier export, or one that is not there yet: that starts from the beginning.",
  });
}

function parsed(text: string): Cursor | undefined {
  try {
    const { logId, position, hash, output } = JSON.parse(text) as Partial<Cursor>;
    const isWhole = typeof logId === "string" && typeof hash === "string" && Number.isSafeInteger(position);
    return isWhole ? { logId, position: Number(position), hash, output: output ?? null } : undefined;
  } catch {
    return undefined;
  }
}

/** Durable, and whole or not at all. */
export async function saveCursor(path: string, cursor: Cursor): Promise<void> {
  try {
    await replaceFile(path, `${JSON.stringify(cursor)}\n`, { durable: true });
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): SnapledgerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const hint = "Nothing that was exported now counts as exported: the next run does it again.";
  return new SnapledgerError("FILE_NOT_FOUND", `The cursor can't be used: ${why}`, { facts: { path }, hint, cause });
}

/** The log must still hold the very record that was exported last. CURSOR_MISMATCH. */
export async function checkCursor(path: string, { logId, position, hash }: Cursor, from: Connection): Promise<void> {
  const head = await from.head();
  const hint =
    "Is it the right store? If an old copy was put back, see `snapledger verify`. Else start with a new cursor.";
  const refuse = (why: string): never => {
    throw new SnapledgerError("CURSOR_MISMATCH", `${path} is not of this log: ${why}.`, { facts: { path }, hint });
  };
  if (logId !== head.logId) refuse(`it is of log ${logId}`);
  if (position > head.position) refuse(`it is at position ${position}, and the log ends at ${head.position}`);
  if (position === 0) return;
  const { record } = await from.record(position);
  if (record.hash !== hash) refuse(`position ${position} is another record`);
}

/** The same for the same file, however it is named. */
function placeOf(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch (error) {
    throw unusable(path, error);
  }
}

/** One run at a time. CURSOR_BUSY. */
export async function lockCursor(path: string): Promise<KernelLock> {
  const place = placeOf(path);
  const name = createHash("sha256").update(place).digest("hex");
  const lock = await kernelLock(`cursor/${name}`, place);
  if (lock) return lock;
  const hint = "Wait for it to end; what it exports is not exported twice.";
  throw new SnapledgerError("CURSOR_BUSY", `Another export uses ${path} now.`, { facts: { path }, hint });
}
