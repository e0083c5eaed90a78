import { lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a folder and those above it that are missing, 0700; which ones were missing, the highest first. Throws what the
 * file system says. One by one: `mkdir` with `recursive` never returns where a file system makes no folders, as /proc,
 * and resolves although a disk said no (measured, Node 20).
 */
export function makeFolders(folder: string): readonly string[] {
  const missing: string[] = [];
  for (let at = folder; isMissing(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at);
  for (const at of missing) makeFolder(at);
  return missing;
}

/** false: there is something of that name already. */
export function makeFolder(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

export function isMissing(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "the operation is not permitted",
  EROFS: "its file system is read-only",
  EISDIR: "it is a folder",
  ENOENT: "no folder can be made there",
  ENOTDIR: "a part of its path is not a folder",
  ELOOP: "its path has too many symbolic links",
  ENAMETOOLONG: "its path is too long",
};

/** Why a path can't be used, in our words; undefined when it is not the path that is wrong. */
export function wrongPath(errno: string | undefined): string | undefined {
  return errno === undefined ? undefined : reasons[errno];
}
