import { sha256 } from "../../events/hash.ts";
import { limits } from "../../events/limits.ts";
import { checkHash, trailerLength } from "../../events/seal.ts";

/** Where a sealed line stands in some bytes. */
export interface RawLine {
  readonly start: number;
  readonly end: number;
  readonly line: string;
}

const trailer = Buffer.from(',"hash":"sha256:');
const opening = Buffer.from('{"position":');
/** Each is hashed up to the line's end: without a bound, many damaged lines in a row would take for ever. */
const mostStarts = 64;

/**
 * Every line in these bytes that is what was sealed, whatever is between them: its hash says so. Tables hold lines in
 * one piece, since they are not compressed.
 */
export function* sealedLines(bytes: Buffer): Generator<RawLine> {
  let free = 0;
  for (let at = bytes.indexOf(trailer); at >= 0; at = bytes.indexOf(trailer, at + 1)) {
    const found = lineThatEnds(bytes, at + trailerLength, Math.max(free, at - limits.recordBytes));
    if (!found) continue;
    free = found.end;
    yield found;
  }
}

/**
 * What it says in its data may look like the beginning of a line too, so the nearest is not always the right one. But few
 * objects in a record begin so, and a string can't: what is further off are lines before it that are damaged as well.
 */
function lineThatEnds(bytes: Buffer, end: number, from: number): RawLine | undefined {
  if (end > bytes.length || bytes.toString("latin1", end - 2, end) !== '"}') return undefined;
  let start = bytes.lastIndexOf(opening, end);
  for (let tried = 0; tried < mostStarts && start >= from; tried++) {
    const line = bytes.toString("utf8", start, end);
    if (checkHash(line, sha256) === null) return { start, end, line };
    if (start === 0) break;
    start = bytes.lastIndexOf(opening, start - 1);
  }
  return undefined;
}

const blockBytes = 32768;
const blockHeaderBytes = 7;

/** A write-ahead log without what it begins each of its blocks with: a line that runs over several is in one piece. */
export function unwrapped(log: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < log.length; at += blockBytes) parts.push(log.subarray(at + blockHeaderBytes, at + blockBytes));
  return Buffer.concat(parts);
}
