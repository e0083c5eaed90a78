import { readdirSync, readFileSync, statSync } from "node:fs";
import { masked, nextCrc } from "./crc32c.ts";
import { damaged } from "../../events/damage.ts";
import { overwrite } from "../../system/write.ts";

/**
 * LevelDB reads its tables without looking at their checksums, so that an entry of an index can vanish without a word,
 * and dies of some damages (an assertion fails when it compacts). So each table is checked here before it is let in:
 * once, and again when its file is another or has changed since. The memory of that is a short cut, no more.
 */
export function checkTables(log: string, memory: string): string[] {
  const known = remembered(memory);
  const tables = readdirSync(log).filter((file) => /\.(ldb|sst)$/.test(file));
  for (const name of tables) {
    const path = `${log}/${name}`;
    if (known[name] !== stampOf(path) && !isSound(readFileSync(path)))
      throw damaged(0, `${path} is not as LevelDB wrote it: a checksum is wrong`);
  }
  return tables;
}

/**
 * The tables that were checked need not be again. To be called when they are no longer linked anywhere else: making and
 * removing a link changes the time that the stamp holds.
 */
export function rememberTables(log: string, memory: string, tables: readonly string[]): void {
  const now = Object.fromEntries(
    tables.flatMap((name) => {
      const stamp = stampOf(`${log}/${name}`);
      return stamp === undefined ? [] : [[name, stamp]];
    }),
  );
  if (JSON.stringify(now) !== JSON.stringify(remembered(memory))) remember(memory, now);
}

/** undefined for a table that is gone by now. */
function stampOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(" ");
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
    overwrite(memory, JSON.stringify(tables));
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
    crc = nextCrc(crc, byte);
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
