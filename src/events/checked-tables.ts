import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { damaged } from "./level-errors.ts";

/**
 * LevelDB reads its tables without looking at their checksums, so that an entry of an index can vanish without a word,
 * and dies of some damages (an assertion fails when it compacts). So each table is checked here before it is let in:
 * once, and again when its file is another or has changed since. The memory of that is a short cut, no more.
 */
export function checkTables(log: string, memory: string): void {
  const known = remembered(memory);
  const now: Record<string, string> = {};
  for (const name of readdirSync(log).filter((file) => /\.(ldb|sst)$/.test(file))) {
    const path = join(log, name);
    const stamp = stampOf(path);
    if (known[name] !== stamp && !isSound(readFileSync(path)))
      throw damaged(0, `${path} is not as LevelDB wrote it: a checksum is wrong`);
    now[name] = stamp;
  }
  if (JSON.stringify(now) !== JSON.stringify(known)) remember(memory, now);
}

function stampOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

function remembered(memory: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(memory, "utf8")) as Record<string, string>;
  } catch {
    return {};
  }
}

function remember(memory: string, tables: Record<string, string>): void {
  try {
    writeFileSync(`${memory}.tmp`, JSON.stringify(tables), { mode: 0o600 });
    renameSync(`${memory}.tmp`, memory);
  } catch {
    return;
  }
}

const footerBytes = 48;
const magic = 0xdb4775248b80fb57n;
/** A block is followed by its type and the checksum of both. */
const trailerBytes = 5;

/**
 * Blocks stand one after the other from the first byte to the footer. Where one ends is where its checksum fits: so
 * all of them are checked, without asking the index, which may be what is wrong. A table without its last bytes is one
 * that a compaction was writing when the database was closed; if it is needed, LevelDB says itself that it is none.
 */
export function isSound(table: Buffer): boolean {
  const end = table.length - footerBytes;
  if (end < 0 || table.readBigUInt64LE(table.length - 8) !== magic) return true;
  let at = 0;
  while (at < end) {
    const next = endOfBlock(table, at, end);
    if (next === undefined) return false;
    at = next;
  }
  return footerFits(table, end);
}

function endOfBlock(table: Buffer, from: number, end: number): number | undefined {
  let crc = -1;
  for (let at = from; at + trailerBytes <= end; at++) {
    const byte = table[at] ?? 0;
    crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
    if (byte <= 1 && at > from && table.readUInt32LE(at + 1) === masked(~crc)) return at + trailerBytes;
  }
  return undefined;
}

/** The footer has no checksum: it must lead to the last two blocks, the index at the very end. */
function footerFits(table: Buffer, end: number): boolean {
  const [metaAt, metaLength, indexAt, indexLength] = varints(table.subarray(end));
  if (metaAt === undefined || metaLength === undefined || indexAt === undefined || indexLength === undefined)
    return false;
  return metaAt + metaLength + trailerBytes === indexAt && indexAt + indexLength + trailerBytes === end;
}

function varints(bytes: Buffer): number[] {
  const numbers: number[] = [];
  let [number, factor] = [0, 1];
  for (const byte of bytes) {
    number += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte & 0x80) continue;
    numbers.push(number);
    [number, factor] = [0, 1];
  }
  return numbers;
}

/** LevelDB stores a checksum rotated and moved, lest one of data that holds checksums be a fixed point. */
function masked(crc: number): number {
  const unsigned = crc >>> 0;
  return (((unsigned >>> 15) | (unsigned << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C, the one of iSCSI (RFC 3720). */
const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
