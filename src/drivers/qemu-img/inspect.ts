import { dirname, join } from "node:path";
import { statfsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { SnapledgerError } from "../../errors.ts";
import type { Backing } from "../../events/plan.ts";
import type { ImageFacts, ImageFormat } from "../../events/records.ts";
import { invalidImage, missingFile } from "../errors.ts";
import { assertPlainPath, errnoOf, fileError, statOf } from "./files.ts";
import { assertWhole, readImage } from "./image.ts";
import type { Image } from "./image.ts";
import type { QemuImg } from "./tool.ts";

/** The image and its whole backing chain, read by our own reader; only then is QEMU asked whether it would open them. */
export async function inspectImage(tool: QemuImg, path: string, format: ImageFormat): Promise<ImageFacts> {
  const top = readImage({ path, format });
  if (top === undefined) throw missingFile(path);
  const chain = [top];
  const seen = new Set([identityKey(top)]);
  for (let next = backingOf(top); next !== null;) {
    const image = readImage(next);
    if (image === undefined) throw invalidImage(path, `is backed by "${next.path}", which does not exist`);
    if (seen.has(identityKey(image))) throw invalidImage(path, "is backed by a chain of files that loops");
    seen.add(identityKey(image));
    chain.push(image);
    next = backingOf(image);
  }
  for (const image of chain) await assertUsable(tool, image);
  const [file, ...below] = chain.map(({ facts }) => facts);
  return { file: file ?? top.facts, chain: below, writable: top.writable };
}

const identityKey = ({ facts }: Image): string => `${facts.device}:${facts.inode}`;

/** What the header names, if it is what we can follow: an absolute path, `json:` and protocols thereby excluded. */
function backingOf({ facts: { path }, header }: Image): Backing | null {
  if (header?.backing == null) return null;
  const { path: backing, format } = header.backing;
  const hint = "Name it by `qemu-img rebase -u` with an absolute path and -F.";
  if (!backing.startsWith("/"))
    throw invalidImage(path, `is backed by "${backing}", which is not an absolute path`, hint);
  if (format === null) throw invalidImage(path, `does not state the format of its backing file "${backing}"`, hint);
  if (format !== "qcow2" && format !== "raw") {
    throw invalidImage(path, `is backed by a file of format "${format}", which is not supported`);
  }
  return { path: backing, format };
}

async function assertUsable(tool: QemuImg, { facts: { path, bytes, format }, header }: Image): Promise<void> {
  if (header === null) {
    if (bytes % 512 !== 0) throw invalidImage(path, `is ${bytes} bytes long, not a multiple of 512`);
    return;
  }
  await assertWhole(path, header);
  try {
    // -U: only its header is looked at, and a running guest may well have it open.
    await tool.run(["info", "-U", "-f", format, "--output=json", path], { path });
  } catch (error) {
    if (!(error instanceof SnapledgerError) || error.code !== "DRIVER_FAILED" || !("tool" in error.facts)) throw error;
    throw invalidImage(path, `is not one that QEMU opens (${String(error.facts["tool"])})`);
  }
}

/** Rejects with IMAGE_LOCKED when another process holds the file for writing. */
export async function probeLock(tool: QemuImg, { path, format }: Backing): Promise<void> {
  assertPlainPath(path);
  const image = format === "qcow2" ? path : unshared(path);
  const as = format === "qcow2" ? format : "blkdebug";
  await tool.run(["info", "-f", as, "--output=json", image], { path, paths: [image] });
}

/**
 * A raw image shares its file with writers, so that `info` on it does not notice one (measured). Asking not to share
 * it does. The same holds for a file of whatever content.
 */
function unshared(path: string): string {
  const options = {
    driver: "blkdebug",
    image: { driver: "file", filename: path },
    "unshare-child-perms": ["write", "resize"],
  };
  return `json:${JSON.stringify(options)}`;
}

/** Free bytes for this user where `folder` is, or will be. */
export function freeBytes(folder: string): number {
  assertPlainPath(folder);
  for (let at = folder; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = statfsSync(at, { bigint: true });
      return Number(bavail * bsize);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || at === dirname(at)) throw fileError(error, at);
    }
  }
}

export async function filesIn(folder: string): Promise<readonly string[]> {
  assertPlainPath(folder);
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [] : [join(folder, entry.name)])).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw fileError(error, folder);
  }
}

export function mustExist(path: string): void {
  assertPlainPath(path);
  if (statOf(path) === undefined) throw missingFile(path);
}
