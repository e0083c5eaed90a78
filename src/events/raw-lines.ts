import { sha256 } from "./hash.ts";
import { limits } from "./log.ts";
import { checkHash, trailerLength } from "./seal.ts";

/** Where a sealed line stands in some bytes. */
export interface RawLine {
  readonly start: number;
  readonly end: number;
  readonly line: string;
}

const trailer = Buffer.from(',"hash":"sha256:');
const opening = Buffer.from('{"position":');

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

/** What it says in its data may look like the beginning of a line too, so the nearest is not always the right one. */
function lineThatEnds(bytes: Buffer, end: number, from: number): RawLine | undefined {
  if (end > bytes.length || bytes.toString("latin1", end - 2, end) !== '"}') return undefined;
  for (let start = bytes.lastIndexOf(opening, end); start >= from; start = bytes.lastIndexOf(opening, start - 1)) {
    const line = bytes.toString("utf8", start, end);
    if (checkHash(line, sha256) === null) return { start, end, line };
    if (start === 0) break;
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
