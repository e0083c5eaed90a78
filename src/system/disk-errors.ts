import { SnapledgerError } from "../errors.ts";

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
