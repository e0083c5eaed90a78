import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inflateRawSync } from "node:zlib";
import type { Backing } from "../../src/events/plan.ts";
import type { ImageFormat } from "../../src/events/records.ts";

/** Real images for tests: made and written by QEMU's own tools, read byte by byte by a reader of ours. */

const run = promisify(execFile);
export const KiB = 1024;
export const MiB = 1024 * KiB;

export async function qemuImg(...args: string[]): Promise<string> {
  return (await run("qemu-img", args)).stdout;
}

/** An empty qcow2 image; with `backing`, an overlay on it. */
export async function makeQcow2(path: string, bytes: number, backing?: Backing): Promise<string> {
  const on = backing === undefined ? [] : ["-u", "-b", backing.path, "-F", backing.format];
  await qemuImg("create", "-q", "-f", "qcow2", ...on, path, String(bytes));
  return path;
}

export function makeRaw(path: string, bytes: number): string {
  writeFileSync(path, Buffer.alloc(bytes));
  return path;
}

/** Fills `length` bytes at `offset`, as a guest would. */
export async function writePattern(
  path: string,
  format: ImageFormat,
  offset: number,
  length: number,
  byte: number,
): Promise<void> {
  await run("qemu-io", ["-f", format, "-c", `write -P ${byte} ${offset} ${length}`, path]);
}

/** Opens the image for writing in another process, until `release`. */
export async function holdOpen(path: string, format: ImageFormat): Promise<{ release: () => Promise<void> }> {
  const child = spawn("qemu-io", ["-f", format, path], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  await once(child.stdout, "data"); // its prompt: the image is open
  return {
    release: async () => {
      child.stdin.end("quit\n");
      await ended;
    },
  };
}

/** SHA-256 (hex) of every byte that a guest would read. */
export async function digest(path: string, format: ImageFormat): Promise<string> {
  return createHash("sha256")
    .update(await readAll(path, format))
    .digest("hex");
}

/** Every byte that a guest would read, through the whole backing chain. */
export async function readAll(path: string, format: ImageFormat): Promise<Buffer> {
  try {
    const file = readFileSync(path);
    const content = Buffer.alloc(format === "raw" ? file.length : virtualBytes(file));
    fill(content, file, format);
    return content;
  } catch (error) {
    if (error instanceof NotForThisReader) return readWithQemu(path, format);
    throw error;
  }
}

export async function readWithQemu(path: string, format: ImageFormat): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "snapledger-read-"));
  try {
    const raw = join(folder, "raw");
    await qemuImg("convert", "-f", format, "-O", "raw", path, raw);
    return readFileSync(raw);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Compressed with zstd, an external data file, extended L2 entries: QEMU reads these. */
class NotForThisReader extends Error {}

const virtualBytes = (file: Buffer): number => Number(file.readBigUInt64BE(24));

/** What the chain below holds, then this file's own clusters over it; what lies past a shorter backing file stays zero. */
function fill(content: Buffer, file: Buffer, format: ImageFormat): void {
  if (format === "raw") {
    file.copy(content);
    return;
  }
  if (file.readUInt32BE(0) !== 0x514649fb) throw new Error("not a qcow2 image");
  const mine = content.subarray(0, virtualBytes(file));
  const backing = backingOf(file);
  if (backing !== null) fill(mine, readFileSync(backing.path), backing.format);
  fillOwn(mine, file);
}

function fillOwn(content: Buffer, file: Buffer): void {
  const version = file.readUInt32BE(4);
  const incompatible = version === 3 ? file.readBigUInt64BE(72) : 0n;
  if ((incompatible & ~0b1001n) !== 0n) throw new NotForThisReader();
  const zstd = (incompatible & 0b1000n) !== 0n && file[104] === 1;
  const clusterBits = file.readUInt32BE(20);
  const clusterBytes = 2 ** clusterBits;
  const entries = clusterBytes / 8;
  const l1 = Number(file.readBigUInt64BE(40));
  for (let start = 0, index = 0; start < content.length; start += clusterBytes, index++) {
    const l2 = Number(file.readBigUInt64BE(l1 + 8 * Math.floor(index / entries)) & 0x00fffffffffffe00n);
    if (l2 === 0) continue;
    const entry = file.readBigUInt64BE(l2 + 8 * (index % entries));
    const target = content.subarray(start, Math.min(start + clusterBytes, content.length));
    if ((entry & (1n << 62n)) !== 0n) {
      if (zstd) throw new NotForThisReader();
      inflate(file, entry, clusterBits).copy(target);
    } else if ((entry & 1n) !== 0n && version === 3) {
      target.fill(0);
    } else {
      const at = Number(entry & 0x00fffffffffffe00n);
      if (at !== 0) file.copy(target, 0, at, at + target.length);
    }
  }
}

function inflate(file: Buffer, entry: bigint, clusterBits: number): Buffer {
  const offsetBits = BigInt(62 - (clusterBits - 8));
  const at = Number(entry & ((1n << offsetBits) - 1n));
  const sectors = Number((entry & ((1n << 62n) - 1n)) >> offsetBits) + 1;
  const packed = file.subarray(at, at - (at % 512) + sectors * 512);
  // The packed data ends somewhere inside its last sector: what follows it there is not an error.
  return inflateRawSync(packed, { finishFlush: 2, maxOutputLength: 2 ** clusterBits });
}

function backingOf(file: Buffer): Backing | null {
  const at = Number(file.readBigUInt64BE(8));
  if (at === 0) return null;
  const path = file.toString("utf8", at, at + file.readUInt32BE(16));
  let format: ImageFormat | undefined;
  let next = file.readUInt32BE(4) === 3 ? file.readUInt32BE(100) : 72;
  for (let type = file.readUInt32BE(next); type !== 0; type = file.readUInt32BE(next)) {
    const length = file.readUInt32BE(next + 4);
    if (type === 0xe2792aca) format = file.toString("latin1", next + 8, next + 8 + length) as ImageFormat;
    next += 8 + Math.ceil(length / 8) * 8;
  }
  if (format === undefined) throw new Error(`${path} is a backing file without a format`);
  return { path, format };
}
