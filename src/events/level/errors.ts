import { SnapledgerError, isSnapledgerError, type ErrorCode } from "../../errors.ts";
import { damageHint } from "../seal.ts";

/** A record that is not there, or not what was written. `position` 0: unknown. */
export function damaged(position: number, why: string, cause?: unknown): SnapledgerError {
  const where = position > 0 ? `The log is damaged at position ${position}` : "The log is damaged";
  return new SnapledgerError("LOG_DAMAGED", `${where}: ${why}.`, {
    facts: { position: position || null, why },
    hint: damageHint,
    cause,
  });
}

/** What LevelDB says of itself, as ours; our own errors and those that are no damage go through unchanged. */
export function asDamage(error: unknown, position = 0): unknown {
  if (isSnapledgerError(error)) return error;
  const code = levelCode(error);
  return code === "LEVEL_CORRUPTION" || code === "LEVEL_IO_ERROR" ? damaged(position, reason(error), error) : error;
}

/** Opening failed: LOG_BUSY (another process has it open), STORE_EXISTS, what the disk said, or LOG_DAMAGED. */
export function asOpenError(error: unknown, folder: string): SnapledgerError {
  const facts = { folder };
  if (levelCode(error) === "LEVEL_LOCKED")
    return new SnapledgerError("LOG_BUSY", `Another process has the log in ${folder} open.`, { facts, cause: error });
  const why = reason(error);
  if (why.includes("error_if_exists"))
    return new SnapledgerError("STORE_EXISTS", `There is a log in ${folder} already.`, { facts, cause: error });
  return diskTrouble(why, folder, error) ?? damaged(0, why, error);
}

/**
 * What a disk says when it can't be written, by errno or in the words of the C library: that is no damage. An errno
 * stands at the beginning, as Node puts it, the words at the end, as LevelDB does; between them are names of files.
 */
type Trouble = readonly [said: RegExp, code: ErrorCode, sentence: string, hint: string];

const full: Trouble = [
  /^(ENOSPC|EDQUOT)\b|: (No space left on device|Disk quota exceeded)$/,
  "DISK_FULL",
  "is on a disk that is full",
  "Free some space there, then try again.",
];
const readOnly: Trouble = [
  /^EROFS\b|: Read-only file system$/,
  "STORE_UNSAFE",
  "is on a read-only file system",
  "Remount it writable, or work on a copy of the folder: opening the log writes.",
];
const troubles: readonly Trouble[] = [
  full,
  readOnly,
  [
    /^(EACCES|EPERM)\b|: (Permission denied|Operation not permitted)$/,
    "STORE_UNSAFE",
    "has files that this user may not read and write",
    "Run as the user whose store it is.",
  ],
  [
    /^EIO\b|: Input\/output error$/,
    "LOG_UNWRITABLE",
    "is on a disk that fails",
    "Look at the kernel's log. What was acknowledged is kept; copy the store to a sound disk.",
  ],
  [
    /^(EMFILE|ENFILE)\b|: Too many open files( in system)?$/,
    "LOG_UNWRITABLE",
    "can't be opened: too many files are open",
    "Raise the limit (ulimit -n), or try again.",
  ],
];

/** The disk can be read but not written to, for want of space or by how it is mounted. */
export function isUnwritable(error: unknown): error is SnapledgerError {
  if (!isSnapledgerError(error)) return false;
  const { why } = error.facts;
  return typeof why === "string" && [full, readOnly].some(([said]) => said.test(why));
}

/** undefined when it is something else. */
export function diskTrouble(said: string, folder: string, cause: unknown): SnapledgerError | undefined {
  const trouble = troubles.find(([pattern]) => pattern.test(said));
  if (!trouble) return undefined;
  const [, code, sentence, hint] = trouble;
  return new SnapledgerError(code, `The store in ${folder} ${sentence}.`, {
    facts: { folder, why: said },
    hint,
    cause,
  });
}

/** abstract-level wraps what failed when opening: the code is that of the cause. */
function levelCode(error: unknown): string | undefined {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return code === "LEVEL_DATABASE_NOT_OPEN" && cause !== undefined ? levelCode(cause) : code;
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause === undefined ? message : reason(cause);
}

/** Writing to a new database failed: what the disk said, or the error itself. */
export function asWriteError(error: unknown, folder: string): unknown {
  return isSnapledgerError(error) ? error : (diskTrouble(reason(error), folder, error) ?? error);
}

/** What the disk said while a store's own files were read or written, as ours; everything else unchanged. */
export function asStoreError(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (isSnapledgerError(error) || code === undefined) return error;
  return diskTrouble(code, folder, error) ?? error;
}
