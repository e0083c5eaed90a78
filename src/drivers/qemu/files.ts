import { constants } from "node:fs";
import type { BigIntStats } from "node:fs";
import { access, link, lstat, open, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import type { FileIdentity } from "../../events/records.ts";
import { fullDisk, missingFile } from "../failures.ts";

/** Plain files, and making them durable: what qemu-img leaves to its caller. */

/** The tools take a path that begins with `/` as nothing but a path: no protocol, no `json:`, no option. */
export function assertPlainPath(path: string): void {
  if (path.startsWith("/") && !path.includes("\0")) return;
  throw new SnapledgerError("IMAGE_INVALID", `"${path}" is not an absolute path.`, { facts: { path } });
}

/** A file system's refusal in our words: FILE_NOT_FOUND, DISK_FULL, or DRIVER_FAILED with the system's own. */
export function fileError(error: unknown, path: string): unknown {
  if (error instanceof SnapledgerError) return error;
  const code = errnoOf(error);
  if (code === undefined) return error;
  if (code === "ENOENT") return missingFile(path);
  if (code === "ENOSPC" || code === "EDQUOT") return fullDisk(path, { errno: code }, error);
  const denied = ["EACCES", "EPERM", "EROFS"].includes(code);
  const options = {
    ...{ facts: { path, errno: code }, cause: error },
    ...(denied && { hint: "Give this user the right to it, or choose another place." }),
  };
  return new SnapledgerError("DRIVER_FAILED", `"${path}" could not be used: ${reasonOf(code)}.`, options);
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Below a file there is nothing either. */
function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "");
}

function reasonOf(code: string): string {
  const known: Record<string, string> = {
    EACCES: "permission denied",
    EPERM: "the operation is not permitted",
    EROFS: "its file system is read-only",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of its path is not a folder",
    ELOOP: "its path has too many symbolic links",
    ENAMETOOLONG: "its path is too long",
  };
  return known[code] ?? code;
}

/** Runs `work`; what the file system says of `path` is rejected in our words. */
export async function onFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}

/** undefined when there is no such file. */
export async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw fileError(error, path);
  }
}

export function identityOf(stats: BigIntStats): FileIdentity {
  return { device: stats.dev.toString(), inode: stats.ino.toString() };
}

/** Its owner's mode bit says so (which root would ignore), and this user may. */
export async function isWritable(path: string, stats: BigIntStats): Promise<boolean> {
  if ((stats.mode & 0o200n) === 0n) return false;
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

export async function syncFile(path: string): Promise<void> {
  await onFile(path, async () => {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

export const syncFolder = syncFile;

/** An empty file of ours alone, 0600, which the tool then fills: it keeps the mode. Takes the place of a leftover. */
export async function makeDraft(path: string): Promise<string> {
  const draft = draftOf(path);
  await unlinkIfThere(draft);
  await onFile(draft, async () => (await open(draft, "wx", 0o600)).close());
  return draft;
}

/** Where a file is made before it gets its name. The path holds the layer's id, so a leftover is of the same step. */
export function draftOf(path: string): string {
  return `${path}.tmp`;
}

/** Gives the finished draft its name, durably. Never replaces a file. */
export async function publish(path: string): Promise<void> {
  const draft = draftOf(path);
  await syncFile(draft);
  await onFile(path, () => link(draft, path));
  await discardDraft(path);
}

/** Removes the leftover of a step that died after its file got its name, or of one that failed. */
export async function discardDraft(path: string): Promise<void> {
  await unlinkIfThere(draftOf(path));
  await syncFolder(dirname(path));
}

/** Unlinks; false when it was gone already. */
export async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw fileError(error, path);
  }
}

/** Of the path itself, not of what a symbolic link at it points to. undefined when there is nothing. */
export async function lstatOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw fileError(error, path);
  }
}
