import { SnapledgerError } from "./errors.ts";

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
