import { setImmediate as nextTurn } from "node:timers/promises";
import type { Backing } from "../../events/plan.ts";
import { clusterMap } from "./clusters.ts";
import type { ClusterMap, Piece } from "./clusters.ts";
import { imageAt, withBytes } from "./image.ts";
import type { Image, ReadBytes } from "./image.ts";

/** What two files of a fold hold, one against the other: before the commit, and after it. */

/** A part of a disk, in bytes; `end` excluded. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * Where `into`, once it grows past `end`, could show something else than the zeros that `from` reads as there: bytes of
 * its own last cluster that were left when it was cut, or those of the file that backs it. Only where `from` holds
 * nothing itself. QEMU clears the latter when it grows a file, but a QEMU that is killed may have written the new size alone.
 */
export async function wouldShow(from: Backing, into: Backing, end: number): Promise<Extent[]> {
  const [upper, lower] = [imageAt(from), imageAt(into)];
  const to = upper.facts.virtualBytes;
  // What is added to a raw file is zeros.
  if (to <= end || lower.header === null) return [];
  const below = backingEnd(lower);
  const extents = await ownPieces(lower, end, to);
  if (below > end) extents.push({ start: end, end: Math.min(below, to) });
  return notHeld(upper, extents);
}

/** Parts of the disk after `end` for which the file holds anything but zeros. */
async function ownPieces(image: Image, end: number, to: number): Promise<Extent[]> {
  return withMap(image, async (map, read) => {
    const found: Extent[] = [];
    for (const piece of pieces(map, end, to)) {
      await piece.turn;
      if (piece.kind === "none" || piece.kind === "zero") continue;
      const start = Math.max(piece.start, end);
      const stale = piece.kind === "compressed" || !isZero(read(piece.host + (start - piece.start), piece.end - start));
      if (stale) found.push({ start, end: Math.min(piece.end, to) });
    }
    return found;
  });
}

/** Those parts of the extents that the file does not hold itself. */
async function notHeld(image: Image, extents: readonly Extent[]): Promise<Extent[]> {
  if (extents.length === 0) return [];
  return withMap(image, async (map) => {
    const found: Extent[] = [];
    for (const { start: first, end: last } of extents) {
      for (const piece of pieces(map, first, last)) {
        await piece.turn;
        if (piece.kind !== "none") continue;
        const [start, end] = [Math.max(piece.start, first), Math.min(piece.end, last)];
        const before = found.at(-1);
        if (before?.end === start) found[found.length - 1] = { start: before.start, end };
        else found.push({ start, end });
      }
    }
    return found;
  });
}

/** Whether the rest of the last cluster holds anything but zeros once the disk ends at `end`. */
export async function tailOf(file: Backing, end: number): Promise<Extent | null> {
  const image = imageAt(file);
  const clusterBytes = image.header?.clusterBytes ?? 1;
  const to = Math.min(Math.ceil(end / clusterBytes) * clusterBytes, image.facts.virtualBytes);
  if (to <= end) return null;
  return (await ownPieces(image, end, to)).length > 0 ? { start: end, end: to } : null;
}

/** The first place that `from` holds and `into` does not, as a sentence's end; null when there is none. */
export async function leftOut(from: Backing, into: Backing): Promise<string | null> {
  const [upper, lower] = [imageAt(from), imageAt(into)];
  if (lower.facts.virtualBytes < upper.facts.virtualBytes)
    return `"${into.path}" is shorter than what was to go into it`;
  const end = upper.facts.virtualBytes;
  return withMap(upper, async (held, readUpper) => {
    const lacks = (at: number) => `"${into.path}" does not have what is at byte ${at}`;
    const every = async (check: (piece: Piece) => boolean): Promise<string | null> => {
      for (const piece of pieces(held, 0, end)) {
        await piece.turn;
        if (piece.kind !== "none" && !check({ ...piece, end: Math.min(piece.end, end) })) return lacks(piece.start);
      }
      return null;
    };
    const bytes = new Bytes(upper.header?.clusterBytes ?? 0, readUpper);
    if (lower.header !== null) {
      const alone = lower.header.backing === null;
      return withMap(lower, (map, readLower) => every((piece) => isHeld(bytes, piece, map, readLower, alone)));
    }
    return withBytes(into.path, (read) => every((piece) => bytes.areAt(piece, read, piece.start)));
  });
}

/** Everything of the piece, by the tables of the file below and by its bytes. */
function isHeld(bytes: Bytes, piece: Piece, map: ClusterMap, readLower: ReadBytes, alone: boolean): boolean {
  for (let at = piece.start; at < piece.end;) {
    const below = map(at);
    const part = { ...piece, start: at, end: Math.min(piece.end, below.end), host: piece.host + (at - piece.start) };
    if (!isPartHeld(bytes, part, below, readLower, alone)) return false;
    at = below.end;
  }
  return true;
}

function isPartHeld(bytes: Bytes, part: Piece, below: Piece, readLower: ReadBytes, alone: boolean): boolean {
  switch (below.kind) {
    case "none":
      // Zeros need not be held by a file that nothing backs: qcow2 of version 2 has no other way to hold them.
      return alone && part.kind !== "compressed" && bytes.areZeros(part);
    case "zero":
      return bytes.areZeros(part);
    case "compressed":
      // A commit writes nothing compressed: this is from before it.
      return false;
    case "data":
      return bytes.areAt(part, readLower, below.host + (part.start - below.start));
  }
}

/**
 * What the pieces of the upper file read as, against what is found below. What is compressed is not unpacked here: it
 * passes. The same memory serves for all of them, which halves the time of a large layer's proof (measured).
 */
class Bytes {
  readonly #read: ReadBytes;
  readonly #wanted: Uint8Array<ArrayBuffer>;
  readonly #found: Uint8Array<ArrayBuffer>;
  readonly #zeros: Uint8Array<ArrayBuffer>;

  /** No piece is longer than `longest`. */
  constructor(longest: number, read: ReadBytes) {
    this.#read = read;
    this.#wanted = new Uint8Array(longest);
    this.#found = new Uint8Array(longest);
    this.#zeros = new Uint8Array(longest);
  }

  areZeros(piece: Piece): boolean {
    return piece.kind !== "data" || this.#isData(piece, this.#zeros.subarray(0, sizeOf(piece)));
  }

  /** `at`: where in the file below they have to be. */
  areAt(piece: Piece, read: ReadBytes, at: number): boolean {
    if (piece.kind === "compressed") return true;
    const found = filled(read, at, this.#found.subarray(0, sizeOf(piece)));
    return piece.kind === "zero"
      ? Buffer.compare(found, this.#zeros.subarray(0, sizeOf(piece))) === 0
      : this.#isData(piece, found);
  }

  #isData(piece: Piece, found: Uint8Array): boolean {
    return Buffer.compare(filled(this.#read, piece.host, this.#wanted.subarray(0, sizeOf(piece))), found) === 0;
  }
}

function sizeOf({ start, end }: Piece): number {
  return end - start;
}

/** A file ends before its last cluster does where nothing but zeros was to be written. */
function filled(read: ReadBytes, offset: number, into: Uint8Array<ArrayBuffer>): Uint8Array {
  const { length } = read(offset, into.length, into);
  return into.fill(0, length);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** A large disk has many: everything else has its turn now and then. */
const piecesATurn = 4096;

function* pieces(map: ClusterMap, from: number, to: number): Generator<Piece & { readonly turn?: Promise<void> }> {
  let n = 0;
  for (let at = from; at < to;) {
    const piece = map(at);
    yield ++n % piecesATurn === 0 ? { ...piece, turn: nextTurn() } : piece;
    at = piece.end;
  }
}

function withMap<T>(image: Image, work: (map: ClusterMap, read: ReadBytes) => Promise<T>): Promise<T> {
  const { header, facts } = image;
  if (header === null) throw new Error(`${facts.path} has no cluster tables`);
  return withBytes(facts.path, (read) => work(clusterMap(header, read), read));
}

function backingEnd({ backing, backingFormat }: Image): number {
  if (backing === null) return 0;
  return imageAt({ path: backing, format: backingFormat === "raw" ? "raw" : "qcow2" }).facts.virtualBytes;
}
