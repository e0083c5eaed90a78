import type { Compression } from "../../events/records.ts";
import { invalidImage } from "../errors.ts";

/**
 * Reads a qcow2 header as QEMU's docs/interop/qcow2.txt lays it out. It runs before any tool opens a file that came
 * from outside, so it trusts no byte: every offset and length is checked against what is there.
 */
export interface Qcow2Header {
  readonly version: 2 | 3;
  /** Its last user was stopped half-way; reference counts may be stale. */
  readonly dirty: boolean;
  readonly clusterBytes: number;
  readonly virtualBytes: number;
  /** As the header names it; null for none. */
  readonly backing: { readonly path: string; readonly format: string | null } | null;
  readonly compression: Compression;
  readonly l1: { readonly offset: number; readonly entries: number };
  readonly l2EntryBytes: 8 | 16;
}

/** The longest prefix of a file that its header can lie in: one cluster of the largest size. */
export const headerBytesAtMost = 2 * 1024 * 1024;

const feature = { dirty: 1n, corrupt: 2n, externalData: 4n, compression: 8n, extendedL2: 16n } as const;
const understood = feature.dirty | feature.corrupt | feature.externalData | feature.compression | feature.extendedL2;
const backingFormatExtension = 0xe2792aca;

interface Source {
  readonly path: string;
  readonly bytes: DataView;
  readonly fileBytes: number;
}

/**
 * `bytes` is the file's beginning: all of it, or at least its first cluster; `fileBytes` the file's length.
 * Throws IMAGE_INVALID with a sentence that names `path`.
 */
export function parseHeader(path: string, bytes: Uint8Array, fileBytes: number): Qcow2Header {
  const source: Source = { path, bytes: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), fileBytes };
  const version = versionOf(source);
  const headerBytes = version === 3 ? headerLength(source) : 72;
  const clusterBytes = clusterSize(source);
  const incompatible = version === 3 ? features(source) : 0n;
  const extended = (incompatible & feature.extendedL2) !== 0n;
  const name = backingName(source, headerBytes, clusterBytes);
  const extensionsEnd = name?.offset ?? Math.min(clusterBytes, bytes.byteLength);
  const format = backingFormat(source, headerBytes, extensionsEnd);
  return {
    version,
    dirty: (incompatible & feature.dirty) !== 0n,
    clusterBytes,
    virtualBytes: virtualSize(source),
    backing: name === null ? null : { path: name.path, format },
    compression: compressionOf(source, incompatible, headerBytes),
    l1: l1Table(source, clusterBytes, extended ? 16 : 8),
    l2EntryBytes: extended ? 16 : 8,
  };
}

function versionOf({ path, bytes }: Source): 2 | 3 {
  if (bytes.byteLength < 4 || bytes.getUint32(0) !== 0x514649fb) {
    throw invalidImage(path, "is not a qcow2 image", "State its real format.");
  }
  if (bytes.byteLength < 72) throw invalidImage(path, "is cut short: it ends inside its header");
  const version = bytes.getUint32(4);
  if (version !== 2 && version !== 3)
    throw invalidImage(path, `has qcow2 version ${version}; versions 2 and 3 are known`);
  if (bytes.getUint32(32) !== 0) throw invalidImage(path, "is encrypted, which is not supported");
  return version;
}

function headerLength({ path, bytes }: Source): number {
  if (bytes.byteLength < 104) throw invalidImage(path, "is cut short: it ends inside its header");
  const length = bytes.getUint32(100);
  if (length < 104 || length % 8 !== 0) throw invalidImage(path, `states an impossible header length, ${length}`);
  if (length > bytes.byteLength) throw invalidImage(path, "is cut short: it ends inside its header");
  return length;
}

function clusterSize({ path, bytes }: Source): number {
  const bits = bytes.getUint32(20);
  if (bits < 9 || bits > 21) throw invalidImage(path, `states impossible clusters of 2^${bits} bytes`);
  return 2 ** bits;
}

function virtualSize({ path, bytes }: Source): number {
  const size = bytes.getBigUint64(24);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidImage(path, "states an impossible virtual size");
  if (size % 512n !== 0n)
    throw invalidImage(path, `has a virtual size of ${size.toString()}, not a multiple of 512 bytes`);
  return Number(size);
}

function features({ path, bytes }: Source): bigint {
  const incompatible = bytes.getBigUint64(72);
  if ((incompatible & ~understood) !== 0n) throw invalidImage(path, "needs qcow2 features that are not known here");
  if ((incompatible & feature.corrupt) !== 0n) {
    throw invalidImage(path, "is marked corrupt", "Repair a copy with `qemu-img check -r all`.");
  }
  // Nothing in the header states the data file's format or keeps two images from sharing it.
  if ((incompatible & feature.externalData) !== 0n) {
    throw invalidImage(
      path,
      "keeps its data in an external file, which is not supported",
      "Copy it with `qemu-img convert`.",
    );
  }
  return incompatible;
}

function compressionOf({ path, bytes }: Source, incompatible: bigint, headerBytes: number): Compression {
  const type = headerBytes > 104 ? bytes.getUint8(104) : 0;
  const stated = (incompatible & feature.compression) !== 0n;
  if (type > 1 || stated !== (type !== 0))
    throw invalidImage(path, "states a compression method that is not known here");
  return type === 1 ? "zstd" : "zlib";
}

function backingName({ path, bytes, fileBytes }: Source, headerBytes: number, clusterBytes: number) {
  const offset = bytes.getBigUint64(8);
  const length = bytes.getUint32(16);
  if (offset === 0n) return null;
  if (length === 0 || length > 1023) throw invalidImage(path, `has a backing file name of ${length} bytes`);
  const end = offset + BigInt(length);
  if (offset < BigInt(headerBytes) || end > BigInt(clusterBytes)) {
    throw invalidImage(path, "has its backing file name outside its header's cluster");
  }
  if (end > BigInt(Math.min(fileBytes, bytes.byteLength)))
    throw invalidImage(path, "is cut short: it ends inside its header");
  return { offset: Number(offset), path: text(path, bytes, Number(offset), length) };
}

function backingFormat({ path, bytes }: Source, headerBytes: number, end: number): string | null {
  let format: string | null = null;
  for (let at = headerBytes; at + 8 <= end;) {
    const type = bytes.getUint32(at);
    const length = bytes.getUint32(at + 4);
    if (type === 0) break;
    if (length > end - at - 8) throw invalidImage(path, "has a header extension that reaches past its header");
    if (type === backingFormatExtension) format = text(path, bytes, at + 8, length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return format;
}

function text(path: string, bytes: DataView, offset: number, length: number): string {
  const part = new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
  try {
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
    if (!decoded.includes("\0")) return decoded;
  } catch {
    // Not UTF-8: such a name cannot be stated in the log.
  }
  throw invalidImage(path, "names its backing file in bytes that are not text");
}

function l1Table({ path, bytes, fileBytes }: Source, clusterBytes: number, l2EntryBytes: 8 | 16) {
  const entries = bytes.getUint32(36);
  const offset = bytes.getBigUint64(40);
  const bytesPerEntry = BigInt(clusterBytes) * BigInt(clusterBytes / l2EntryBytes);
  const needed = (bytes.getBigUint64(24) + bytesPerEntry - 1n) / bytesPerEntry;
  if (BigInt(entries) < needed) throw invalidImage(path, "has too small a cluster table for its virtual size");
  // QEMU's own limit (32 MiB).
  if (entries > 4 * 1024 * 1024) throw invalidImage(path, "has an impossibly large cluster table");
  if (offset % BigInt(clusterBytes) !== 0n) throw invalidImage(path, "has a cluster table at an impossible place");
  if (offset + BigInt(entries) * 8n > BigInt(fileBytes)) {
    throw invalidImage(path, "is cut short: its cluster table lies past its end");
  }
  return { offset: Number(offset), entries };
}
