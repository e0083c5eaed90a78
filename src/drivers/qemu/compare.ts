import { setImmediate as nextTurn } from "node:timers/promises";
import type { Backing } from "../../events/plan.ts";
import { missingFile } from "../failures.ts";
import { clusterMap } from "./clusters.ts";
import type { ClusterMap, Piece } from "./clusters.ts";
import { readImage, withBytes } from "./image.ts";
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
  return withMap(upper, async (held, readUpper) => {
    const lacks = (at: number) => `"${into.path}" does not have what is at byte ${at}`;
    const every = async (check: (piece: Piece) => boolean): Promise<string | null> => {
      for (const piece of pieces(held, 0, upper.facts.virtualBytes)) {
        await piece.turn;
        if (piece.kind !== "none" && !check(piece)) return lacks(piece.start);
      }
      return null;
    };
    if (lower.header !== null) {
      const alone = lower.header.backing === null;
      return withMap(lower, (map) =>
        every((piece) => isHeld(map, piece, () => alone && isZeroPiece(piece, readUpper))),
      );
    }
    const end = upper.facts.virtualBytes;
    return withBytes(into.path, (read) =>
      every((piece) => {
        // What is compressed is not unpacked here.
        if (piece.kind === "compressed") return true;
        const bytes = read(piece.start, Math.min(piece.end, end) - piece.start);
        return piece.kind === "zero" ? isZero(bytes) : isSame(bytes, readUpper(piece.host, bytes.length));
      }),
    );
  });
}

/** Zeros need not be held by a file that nothing backs (qcow2 of version 2 has no other way to hold them). */
function isHeld(map: ClusterMap, { start, end }: Piece, zeros: () => boolean): boolean {
  for (let at = start; at < end; at = map(at).end) if (map(at).kind === "none") return zeros();
  return true;
}

function isZeroPiece({ kind, host, start, end }: Piece, read: ReadBytes): boolean {
  return kind === "zero" || (kind === "data" && isZero(read(host, end - start)));
}

/** A file's end is shorter than its last cluster where nothing but zeros was to be written. */
function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function isSame(some: Uint8Array, others: Uint8Array): boolean {
  return some.every((byte, i) => byte === (others[i] ?? 0));
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

function imageAt(file: Backing): Image {
  const image = readImage(file);
  if (image === undefined) throw missingFile(file.path);
  return image;
}
