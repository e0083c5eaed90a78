import { accessSync, closeSync, constants, linkSync, lstatSync, openSync, statSync, unlinkSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { open, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import type { FileIdentity } from "../../events/records.ts";
import { wrongPath } from "../../system/folders.ts";
import { syncPath } from "../../system/write.ts";
import { fullDisk, missingFile } from "../errors.ts";

/**
 * Plain files, and making them durable: what qemu-img leaves to its caller. With blocking calls, since the way to
 * another thread and back takes longer than most of them. What may take long does not block: syncing, and removing.
 */

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
  return new SnapledgerError("DRIVER_FAILED", `"${path}" could not be used: ${wrongPath(code) ?? code}.`, options);
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Below a file there is nothing either. */
function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "");
}

/** Runs `work`; what the file system says of `path` is thrown in our words. A promise of `work` would not be waited for. */
export function onFile<T>(path: string, work: () => T extends PromiseLike<unknown> ? never : T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(error, path);
  }
}

/** For those that read or write much. What the file system says is rejected in our words. */
export function openFile(path: string, flags: "r" | "r+"): Promise<FileHandle> {
  return open(path, flags).catch((error: unknown) => {
    throw fileError(error, path);
  });
}

/** undefined when there is no such file. */
export function statOf(path: string): BigIntStats | undefined {
  return unlessAbsent(path, () => statSync(path, { bigint: true }));
}

/** Of the path itself, not of what a symbolic link at it points to. undefined when there is nothing. */
export function lstatOf(path: string): BigIntStats | undefined {
  return unlessAbsent(path, () => lstatSync(path, { bigint: true }));
}

function unlessAbsent<T>(path: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw fileError(error, path);
  }
}

export function identityOf(stats: BigIntStats): FileIdentity {
  return { device: stats.dev.toString(), inode: stats.ino.toString() };
}

/** Its owner's mode bit says so (which root would ignore), and this user may. */
export function isWritable(path: string, stats: BigIntStats): boolean {
  if ((stats.mode & 0o200n) === 0n) return false;
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A file's content is durable when it resolves; of a folder, what was made, renamed or removed in it. */
export async function syncFile(path: string): Promise<void> {
  await syncPath(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
}

/** An empty file of ours alone, 0600, which the tool then fills: it keeps the mode. Takes the place of a leftover. */
export function makeDraft(path: string): string {
  const draft = draftOf(path);
  unlinkIfThere(draft);
  onFile(draft, () => {
    closeSync(openSync(draft, "wx", 0o600));
  });
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
  onFile(path, () => {
    linkSync(draft, path);
  });
  await discardDraft(path);
}

/** Removes the leftover of a step that died after its file got its name, or of one that failed. */
export async function discardDraft(path: string): Promise<void> {
  unlinkIfThere(draftOf(path));
  await syncFile(dirname(path));
}

/** A draft that a step left, which is seldom large. */
function unlinkIfThere(path: string): void {
  unlessAbsent(path, () => {
    unlinkSync(path);
  });
}

/** Does not block: the file system may have much to give back. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isAbsent(error)) throw fileError(error, path);
  }
}
