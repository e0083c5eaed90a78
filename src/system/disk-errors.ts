import { isSnapledgerError, SnapledgerError, type ErrorCode } from "../errors.ts";

/** A file that a user asked for could not be begun where it was to be. */
export function asWrongTarget(cause: unknown, path: string): unknown {
  const full = asDiskFull(cause, path);
  if (full !== cause) return full;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SnapledgerError("FILE_NOT_FOUND", `${path} can't be written: ${why}`, {
    facts: { path },
    hint: "Name a file in a folder that is there, and that this user may write to.",
    cause,
  });
}

/** What went wrong while a file was written that a user asked for, when it is for want of space; else as it is. */
export function asDiskFull(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new SnapledgerError("DISK_FULL", `${path} can't be written: no space is left.`, {
    facts: { path },
    hint: "Free some space there, then run it again: it begins anew.",
    cause: error,
  });
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

/** What the disk said while a store's own files were read or written, as ours; everything else unchanged. */
export function asStoreError(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (isSnapledgerError(error) || code === undefined) return error;
  return diskTrouble(code, folder, error) ?? error;
}
