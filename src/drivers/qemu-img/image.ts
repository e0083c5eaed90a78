import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Backing } from "../../events/plan.ts";
import type { FileFacts } from "../../events/records.ts";
import type { ObservedFile } from "../driver.ts";
import { invalidImage, missingFile } from "../errors.ts";
import { assertPlainPath, fileError, identityOf, isWritable, onFile, statOf } from "./files.ts";
import { headerBytesAtMost, parseHeader } from "./header.ts";
import type { Qcow2Header } from "./header.ts";

/** One image as it is on disk now, seen without any tool. `header` is null for raw. */
export interface Image extends ObservedFile {
  readonly header: Qcow2Header | null;
}

/** undefined when there is no such file. IMAGE_INVALID when it is not a plain file, or not of its stated format. */
export function readImage({ path, format }: Backing): Image | undefined {
  assertPlainPath(path);
  const seen = statOf(path);
  if (seen === undefined) return undefined;
  if (!seen.isFile()) throw notAFile(path);
  const [file, stats] = openPlain(path);
  try {
    const bytes = Number(stats.size);
    const header =
      format === "qcow2"
        ? parseHeader(
            path,
            onFile(path, () => firstCluster(file, bytes)),
            bytes,
          )
        : null;
    const virtualBytes = header?.virtualBytes ?? bytes;
    const facts: FileFacts = {
      ...identityOf(stats),
      path,
      format,
      bytes,
      virtualBytes,
      mtimeNs: stats.mtimeNs.toString(),
    };
    const { path: backing, format: backingFormat } = header?.backing ?? { path: null, format: null };
    return { facts, backing, backingFormat, writable: isWritable(path, stats), header };
  } finally {
    closeSync(file);
  }
}

/** The same for a file that has to be there: FILE_NOT_FOUND. */
export function imageAt(file: Backing): Image {
  const image = readImage(file);
  if (image === undefined) throw missingFile(file.path);
  return image;
}

/** IMAGE_INVALID when a table or data cluster that the image refers to lies past its end. Reads its tables, not its data. */
export async function assertWhole(path: string, header: Qcow2Header): Promise<void> {
  const [file, stats] = openPlain(path);
  const read = (offset: number, length: number) => onFile(path, () => part(file, offset, length));
  try {
    const fileBytes = Number(stats.size);
    const seen = new Set<number>();
    for (const table of tablesOf(path, header, read(header.l1.offset, header.l1.entries * 8))) {
      if (seen.has(table)) throw invalidImage(path, "uses one cluster table twice");
      seen.add(table);
      if (table + header.clusterBytes > fileBytes)
        throw invalidImage(path, "is cut short: a cluster table lies past its end");
      const last = lastCluster(header, read(table, header.clusterBytes));
      if (last >= fileBytes) throw invalidImage(path, "is cut short: some of its data lies past its end");
      // A large image has thousands of them.
      await nextTurn();
    }
  } finally {
    closeSync(file);
  }
}

/** A file's bytes, for as long as `work` reads them. */
export async function withBytes<T>(path: string, work: (read: ReadBytes) => Promise<T>): Promise<T> {
  const [file] = openPlain(path);
  try {
    return await work((offset, length, into) => onFile(path, () => part(file, offset, length, into)));
  } finally {
    closeSync(file);
  }
}

/** Fewer bytes than asked for where the file ends. `into`: where they go, for a reader of many that keeps none. */
export type ReadBytes = (offset: number, length: number, into?: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** Should a pipe have taken the file's place since it was looked at, opening it must not wait for a writer. */
function openPlain(path: string): [file: number, stats: BigIntStats] {
  const file = onFile(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const stats = fstatSync(file, { bigint: true });
    if (!stats.isFile()) throw notAFile(path);
    return [file, stats];
  } catch (error) {
    closeSync(file);
    throw fileError(error, path);
  }
}

function notAFile(path: string): Error {
  return invalidImage(path, "is not a plain file");
}

/** The header's cluster, whose size the header itself states. */
function firstCluster(file: number, fileBytes: number): DataViewable {
  const usual = part(file, 0, Math.min(fileBytes, 65536));
  if (usual.byteLength < 24) return usual;
  const clusterBytes = 2 ** new DataView(usual.buffer, usual.byteOffset).getUint32(20);
  if (clusterBytes <= usual.byteLength || clusterBytes > headerBytesAtMost) return usual;
  return part(file, 0, Math.min(fileBytes, clusterBytes));
}

type DataViewable = Uint8Array<ArrayBuffer>;

function part(file: number, offset: number, length: number, into?: DataViewable): DataViewable {
  const bytes = into ?? new Uint8Array(length);
  let read = 0;
  while (read < length) {
    const bytesRead = readSync(file, bytes, read, length - read, offset + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

function* tablesOf(path: string, header: Qcow2Header, l1: DataViewable): Generator<number> {
  const view = new DataView(l1.buffer, l1.byteOffset, l1.byteLength);
  for (let at = 0; at + 8 <= l1.byteLength; at += 8) {
    const table = offsetAt(view, at);
    if (table === 0) continue;
    if (table % header.clusterBytes !== 0) throw invalidImage(path, "has a cluster table at an impossible place");
    yield table;
  }
}

/** The highest offset at which data begins. The last cluster itself may end past the file: its rest reads as zeros. */
function lastCluster({ clusterBytes, l2EntryBytes, version }: Qcow2Header, l2: DataViewable): number {
  const view = new DataView(l2.buffer, l2.byteOffset, l2.byteLength);
  // In a compressed cluster's entry the offset has this many bits of the upper word; a length follows.
  const upperBits = 38 - Math.log2(clusterBytes);
  let last = 0;
  for (let at = 0; at + l2EntryBytes <= l2.byteLength; at += l2EntryBytes) {
    const upper = view.getUint32(at);
    const compressed = (upper & 0x40000000) !== 0;
    const offset = compressed ? (upper & (2 ** upperBits - 1)) * 2 ** 32 + view.getUint32(at + 4) : offsetAt(view, at);
    // Reserved and reading as zeros: its data need not have been written.
    const reserved =
      l2EntryBytes === 16 ? view.getUint32(at + 12) === 0 : version === 3 && (view.getUint32(at + 4) & 1) !== 0;
    if (compressed || !reserved) last = Math.max(last, offset);
  }
  return last;
}

function offsetAt(view: DataView, at: number): number {
  return (view.getUint32(at) & 0x00ffffff) * 2 ** 32 + ((view.getUint32(at + 4) & 0xfffffe00) >>> 0);
}
