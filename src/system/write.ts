import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { link, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { sha256 } from "../events/hash.ts";

/**
 * Small files (0600) that are whole at any instant: a process that is killed leaves the file before or this one. Each
 * but `overwrite`'s is written under another name first, which belongs to that write alone and goes when it fails. All
 * throw what the system says.
 *
 * |                       | a file that is there | after a power cut          | calls    |
 * | --------------------- | -------------------- | -------------------------- | -------- |
 * | `replaceFile`         | is replaced          | this one, if `durable`     | promises |
 * | `replaceFileBlocking` | is replaced          | no part of it, if `synced` | blocking |
 * | `createFile`          | stays                | this one                   | promises |
 * | `overwrite`           | is written over      | anything                   | blocking |
 */
type Content = string | Uint8Array;

/** `durable`: content and name are when it resolves. Else a power cut may leave anything. */
export async function replaceFile(path: string, content: Content, { durable = false } = {}): Promise<void> {
  const draft = draftOf(path);
  try {
    await writeDraft(draft, content, durable);
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
  if (durable) await syncPath(dirname(path));
}

/** For what has to be there before anything else can happen. `synced`: the content is, its name is not yet. */
export function replaceFileBlocking(path: string, content: Content, { synced = false } = {}): void {
  const draft = draftOf(path);
  try {
    writeNewFile(draft, content, { synced });
    renameSync(draft, path);
  } catch (error) {
    if (existsSync(draft)) unlinkSync(draft);
    throw error;
  }
}

/** A file that another process makes meanwhile stays as well. Durable when it resolves. */
export async function createFile(path: string, content: Content): Promise<void> {
  const draft = draftOf(path);
  try {
    await writeDraft(draft, content, true);
    // Unlike a rename it never takes the place of a file.
    await link(draft, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    });
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
  await unlink(draft);
  await syncPath(dirname(path));
}

/** A file's content is durable when it resolves; of a folder, what was made, renamed or removed in it. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Under its own name from the first byte: for a file that counts only once something else names it. EEXIST. */
export function writeNewFile(path: string, content: Content, { synced = false } = {}): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeFileSync(file, content);
    if (synced) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function writeDraft(path: string, content: Content, synced: boolean): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    if (synced) await file.sync();
  } finally {
    await file.close();
  }
}

/** Two writers, of one process or of several hosts, never share it. */
function draftOf(path: string): string {
  return `${path}.${randomUUID()}.tmp`;
}

/**
 * Replaces a file whose loss costs time alone, below a checksum: nothing is synced, so a power cut may leave anything.
 * Never rejects: a full disk or a read-only store costs the short cut, never the command.
 */
export async function saveChecked(path: string, text: string): Promise<void> {
  await replaceFile(path, `${sha256(text)}\n${text}`).catch(() => undefined);
}

/** What `saveChecked` was given; undefined when the file is missing, or is not that. */
export function loadChecked(path: string): string | undefined {
  try {
    const file = readFileSync(path, "utf8");
    const text = file.slice(65);
    return file.slice(0, 65) === `${sha256(text)}\n` ? text : undefined;
  } catch {
    return undefined;
  }
}

const { O_CREAT, O_RDWR } = constants;
const blockBytes = 1024;

/**
 * Writes a small JSON text in one call, blanks after it. Neither emptied first nor renamed over another, for which
 * ext4 waits for the disk (measured: 9 ms).
 */
export function overwrite(path: string, json: string): void {
  const fd = openSync(path, O_RDWR | O_CREAT, 0o600);
  try {
    const blocks = Math.ceil((Buffer.byteLength(json) + 1) / blockBytes);
    const bytes = Math.max(blocks * blockBytes, fstatSync(fd).size);
    const text = Buffer.alloc(bytes, " ");
    text.write(json);
    writeSync(fd, text, 0, bytes, 0);
  } finally {
    closeSync(fd);
  }
}
