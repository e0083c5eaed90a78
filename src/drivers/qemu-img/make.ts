import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { shellQuote } from "../../errors.ts";
import type { Backing, CompressLayer, MakeOverlay } from "../../events/plan.ts";
import type { Compression, FileFacts } from "../../events/records.ts";
import { isMissing, makeFolders } from "../../system/folders.ts";
import type { StepOptions } from "../driver.ts";
import { invalidImage, missingFile, nameTaken, unsafeFolder, wrongLink } from "../errors.ts";
import {
  assertPlainPath,
  discardDraft,
  errnoOf,
  fileError,
  lstatOf,
  makeDraft,
  onFile,
  publish,
  syncFile,
} from "./files.ts";
import { readImage } from "./image.ts";
import type { Image } from "./image.ts";
import { mustExist } from "./inspect.ts";
import type { QemuImg } from "./tool.ts";

/** What is made before an event: each file under another name first, so that a name always means a finished file. */

interface Wanted {
  readonly path: string;
  readonly backing: Backing;
  readonly virtualBytes: number;
  readonly compression?: Compression;
}

export async function makeOverlay(tool: QemuImg, step: MakeOverlay, watch?: StepOptions): Promise<FileFacts> {
  const { path, backing, virtualBytes } = step;
  return makeOnce({ path, backing, virtualBytes }, async (draft) => {
    // `create -u` opens nothing of the chain (constant time at any depth), so it does not notice a missing file.
    mustExist(backing.path);
    const on = ["-u", "-b", backing.path, "-F", backing.format];
    await tool.run(["create", "-f", "qcow2", ...on, draft, String(virtualBytes)], {
      path,
      paths: [draft, backing.path],
      watch,
    });
  });
}

/** Reads the layer alone, not what it is backed by, and compares the copy before it gets its name. */
export async function compressLayer(tool: QemuImg, step: CompressLayer, watch?: StepOptions): Promise<FileFacts> {
  const { path, source, backing, method } = step;
  const layer = readImage({ path: source, format: "qcow2" });
  if (layer === undefined) throw missingFile(source);
  // With any other backing file than its own, `convert -B` loses data without a word (measured).
  if (!isBackedBy(layer, backing)) throw wrongLink(source, layer.backing, backing.path);
  const { virtualBytes } = layer.facts;
  return makeOnce({ path, backing, virtualBytes, compression: method }, async (draft) => {
    const run = { path: source, paths: [draft, backing.path], watch };
    const { exitCode } = await tool.run(["check", "-f", "qcow2", "--output=json", source], {
      ...run,
      accept: [0, 2, 3],
    });
    if (exitCode === 2) throw invalidImage(source, "has errors in its cluster tables", "See `qemu-img check`.");
    const as = ["-c", "-f", "qcow2", "-O", "qcow2", "-o", `compression_type=${method}`];
    const on = ["-B", backing.path, "-F", backing.format];
    await tool.run(["convert", "-p", ...as, ...on, source, draft], { ...run, step: "compress" });
    await tool.run(["compare", "-p", "-f", "qcow2", "-F", "qcow2", source, draft], { ...run, step: "compare" });
  });
}

/** A file that has its name already was finished by an earlier run of the same step: it is only looked at. */
async function makeOnce(wanted: Wanted, make: (draft: string) => Promise<unknown>): Promise<FileFacts> {
  const { path } = wanted;
  assertPlainPath(path);
  const there = readImage({ path, format: "qcow2" });
  if (there !== undefined) {
    assertWanted(there, wanted);
    await discardDraft(path);
    return there.facts;
  }
  const draft = makeDraft(path);
  try {
    await make(draft);
    const made = readImage({ path: draft, format: "qcow2" });
    if (made === undefined) throw missingFile(draft);
    assertWanted(made, wanted);
    await publish(path);
    return { ...made.facts, path };
  } catch (error) {
    await discardDraft(path).catch(() => undefined);
    throw error;
  }
}

function assertWanted(image: Image, { path, backing, virtualBytes, compression }: Wanted): void {
  const same =
    isBackedBy(image, backing) &&
    image.facts.virtualBytes === virtualBytes &&
    (compression === undefined || image.header?.compression === compression);
  if (!same) throw nameTaken(path);
}

export function isBackedBy(image: Image, { path, format }: Backing): boolean {
  const backing = image.header?.backing;
  return backing?.path === path && backing.format === format;
}

/**
 * Makes the folder, and those above it, 0700. A folder that is there must be this user's alone to write to, and nobody
 * else may put another in its place: who can write to the one above can, unless that is sticky, as /tmp is.
 */
export async function prepareFolder(folder: string): Promise<void> {
  assertPlainPath(folder);
  await makeDurably(folder);
  checkOwn(folder);
}

/** The same for a folder that may not be there yet, without making it. */
export function checkFolder(folder: string): void {
  assertPlainPath(folder);
  const there = nearest(folder);
  if (there === folder) {
    checkOwn(folder);
    return;
  }
  if (there === dirname(folder)) checkAbove(folder);
  onFile(there, () => {
    accessSync(there, constants.W_OK | constants.X_OK);
  });
}

function checkOwn(folder: string): void {
  const stats = lstatOf(folder);
  if (stats?.isDirectory() !== true) throw unsafeFolder(folder, "is not a folder", "Choose another one.");
  if ((stats.mode & 0o022n) !== 0n) {
    throw unsafeFolder(folder, "can be written to by others", `chmod go-w ${shellQuote(folder)}`);
  }
  const user = process.geteuid?.();
  if (user !== undefined && stats.uid !== BigInt(user)) {
    throw unsafeFolder(folder, "belongs to another user", "Choose another one, or chown it.");
  }
  checkAbove(folder);
}

function checkAbove(folder: string): void {
  const above = dirname(folder);
  const mode = lstatOf(above)?.mode ?? 0n;
  if ((mode & 0o022n) !== 0n && (mode & 0o1000n) === 0n) {
    throw unsafeFolder(above, "can be written to by others", `chmod go-w ${shellQuote(above)}`);
  }
}

async function makeDurably(folder: string): Promise<void> {
  try {
    for (const made of makeFolders(folder)) await syncFile(dirname(made));
  } catch (error) {
    throw folderError(error, folder);
  }
}

/** The nearest above that is there, or the folder itself. */
function nearest(folder: string): string {
  let at = folder;
  try {
    while (isMissing(at)) at = dirname(at);
  } catch (error) {
    throw folderError(error, folder);
  }
  return at;
}

function folderError(error: unknown, folder: string): unknown {
  const code = errnoOf(error);
  if (code === "ENOTDIR") return unsafeFolder(folder, "lies below a file", "Choose another one.");
  if (code === "ENOENT") return unsafeFolder(folder, "cannot be made there", "Choose another one.");
  return fileError(error, folder);
}
