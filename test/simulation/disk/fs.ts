import { Buffer } from "node:buffer";
import { constants, readlinkSync as readRealLink } from "node:fs";
import { disk } from "./disk.ts";
import type { Inode } from "./disk.ts";

/** Stands in for the blocking calls of `node:fs` that the store uses, on the simulated disk. */

export { constants };

function fault(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function inodeAt(path: string): Inode {
  const inode = disk().files.get(path);
  if (!inode) throw fault("ENOENT", path);
  return inode;
}

function inodeOf(fd: number): Inode {
  const inode = disk().open.get(fd);
  if (!inode) throw fault("EBADF", String(fd));
  return inode;
}

export function openSync(path: string, flags: string | number): number {
  const there = disk().files.get(path);
  if (flags === "wx" && there) throw fault("EEXIST", path);
  const makes = flags === "wx" || (typeof flags === "number" && (flags & constants.O_CREAT) !== 0);
  if (!there && !makes) throw fault("ENOENT", path);
  return disk().descriptor(there ?? disk().make(path));
}

export function closeSync(fd: number): void {
  disk().open.delete(fd);
}

export function readSync(fd: number, into: Buffer, offset: number, length: number, position: number): number {
  return inodeOf(fd).bytes.copy(into, offset, position, position + length);
}

export function writeSync(fd: number, from: Buffer, offset: number, length: number, position: number): number {
  const inode = inodeOf(fd);
  const bytes = Buffer.alloc(Math.max(inode.bytes.length, position + length));
  inode.bytes.copy(bytes);
  from.copy(bytes, position, offset, offset + length);
  inode.bytes = bytes;
  return length;
}

/** All of a file that was just made. */
export function writeFileSync(fd: number, content: string | Uint8Array): void {
  inodeOf(fd).bytes = Buffer.from(content);
}

export function fsyncSync(fd: number): void {
  disk().sync(inodeOf(fd));
}

export const fdatasyncSync = fsyncSync;

interface Stats {
  readonly ino: bigint;
  readonly dev: bigint;
  readonly size: bigint | number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

function statsOf({ number, bytes }: Inode, bigint: boolean): Stats {
  const size = bigint ? BigInt(bytes.length) : bytes.length;
  return { ino: BigInt(number), dev: 1n, size, mtimeNs: 0n, ctimeNs: 0n };
}

export function fstatSync(fd: number, { bigint = false } = {}): Stats {
  return statsOf(inodeOf(fd), bigint);
}

export function statSync(path: string, { bigint = false, throwIfNoEntry = true } = {}): Stats | undefined {
  const inode = disk().files.get(path);
  if (!inode && throwIfNoEntry) throw fault("ENOENT", path);
  return inode && statsOf(inode, bigint);
}

/** An open file's name is where it is now; all other links are the machine's own. */
export function readlinkSync(path: string): string {
  const fd = /^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1];
  if (fd === undefined) return readRealLink(path);
  const inode = inodeOf(Number(fd));
  for (const [name, one] of disk().files) if (one === inode) return name;
  return "(deleted)";
}

export function realpathSync(path: string): string {
  return path;
}

export function existsSync(path: string): boolean {
  return disk().files.has(path) || disk().folders.has(path);
}

export function readFileSync(path: string, encoding?: "utf8"): Buffer | string {
  const { bytes } = inodeAt(path);
  return encoding ? bytes.toString(encoding) : Buffer.from(bytes);
}

export function linkSync(path: string, into: string): void {
  disk().files.set(into, inodeAt(path));
}

export function copyFileSync(path: string, into: string): void {
  const copy = disk().make(into, inodeAt(path).bytes);
  disk().sync(copy);
}

export function mkdirSync(path: string): void {
  disk().folders.add(path);
}

export function readdirSync(path: string): string[] {
  if (!disk().folders.has(path)) throw fault("ENOENT", path);
  const names = [...disk().files.keys()].filter((file) => file.startsWith(`${path}/`));
  return names.map((file) => file.slice(path.length + 1)).sort();
}

export function renameSync(from: string, to: string): void {
  if (!disk().folders.delete(from)) throw fault("ENOENT", from);
  disk().folders.add(to);
  for (const [path, inode] of [...disk().files]) {
    if (!path.startsWith(`${from}/`)) continue;
    disk().files.delete(path);
    disk().files.set(`${to}${path.slice(from.length)}`, inode);
  }
}

export function rmdirSync(path: string): void {
  disk().folders.delete(path);
}

export function unlinkSync(path: string): void {
  if (!disk().files.delete(path)) throw fault("ENOENT", path);
}

/** With `force`, as the store calls it. */
export function rmSync(path: string): void {
  disk().files.delete(path);
}
