import type { Qcow2Header } from "./header.ts";
import type { ReadBytes } from "./image.ts";

/**
 * What a qcow2 file itself holds of its disk, by its own tables, as QEMU's docs/interop/qcow2.txt lays them out. It is
 * read without any tool: it tells what a tool did, and what it would do.
 */

/** A part of the disk that is held in one way. Offsets in bytes, `end` excluded. */
export interface Piece {
  /** `none`: not at all, so it is read from the file below. `zero`: as zeros. */
  readonly kind: "none" | "data" | "zero" | "compressed";
  readonly start: number;
  readonly end: number;
  /** Where in the file `data` begins. */
  readonly host: number;
}

/** The piece at an offset of the disk. Past the last table there is nothing. */
export type ClusterMap = (offset: number) => Piece;

const subclusters = 32;

export function clusterMap({ clusterBytes, l1, l2EntryBytes, version }: Qcow2Header, read: ReadBytes): ClusterMap {
  const extended = l2EntryBytes === 16;
  const entries = clusterBytes / l2EntryBytes;
  const tableBytes = entries * clusterBytes;
  const unit = extended ? clusterBytes / subclusters : clusterBytes;
  const tables = viewOf(read(l1.offset, l1.entries * 8));
  let loaded = { index: -1, view: tables };

  const tableAt = (index: number): DataView | null => {
    if (index * 8 + 8 > tables.byteLength) return null;
    const offset = hostOffset(tables, index * 8);
    if (offset === 0) return null;
    if (loaded.index !== index) loaded = { index, view: viewOf(read(offset, clusterBytes)) };
    return loaded.view;
  };

  return (offset) => {
    const index = Math.floor(offset / tableBytes);
    const table = tableAt(index);
    if (table === null) return { kind: "none", start: offset, end: (index + 1) * tableBytes, host: 0 };
    const cluster = Math.floor((offset % tableBytes) / clusterBytes);
    const at = cluster * l2EntryBytes;
    const clusterStart = offset - (offset % clusterBytes);
    if (at + l2EntryBytes > table.byteLength)
      return { kind: "none", start: offset, end: clusterStart + clusterBytes, host: 0 };
    if ((table.getUint32(at) & 0x40000000) !== 0)
      return { kind: "compressed", start: clusterStart, end: clusterStart + clusterBytes, host: 0 };
    const host = hostOffset(table, at);
    const start = offset - (offset % unit);
    const piece = { start, end: start + unit, host: host + (start - clusterStart) };
    if (!extended) {
      const zero = version === 3 && (table.getUint32(at + 4) & 1) !== 0;
      return { ...piece, kind: zero ? "zero" : host === 0 ? "none" : "data" };
    }
    const bit = 2 ** ((start - clusterStart) / unit);
    if (hasBit(table.getUint32(at + 8), bit)) return { ...piece, kind: "zero" };
    return { ...piece, kind: hasBit(table.getUint32(at + 12), bit) ? "data" : "none" };
  };
}

function hasBit(word: number, bit: number): boolean {
  return Math.floor(word / bit) % 2 === 1;
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bits 9 to 55 of an entry. */
function hostOffset(view: DataView, at: number): number {
  return (view.getUint32(at) & 0x00ffffff) * 2 ** 32 + ((view.getUint32(at + 4) & 0xfffffe00) >>> 0);
}
