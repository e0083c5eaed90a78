import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Chain } from "../../events/chain.ts";
import { sha256 } from "../../events/hash.ts";
import type { StoredRecord } from "../../events/log.ts";
import { sealedLines, unwrapped } from "./raw-lines.ts";
import { parseRecord } from "../../events/seal.ts";

/** A line under a position, and whether it goes on where the proven ones end. */
export interface ScannedRecord extends StoredRecord {
  /** false: its bytes are those that were sealed, but one before it is missing or wrong. */
  readonly proven: boolean;
}

/**
 * Every record in copies of a damaged database whose bytes are those that were sealed, by position. LevelDB is not
 * asked: it gives up a whole file for one wrong byte in its index, and can end the process (measured). A record is
 * never overwritten nor deleted in a log, so all that is found anywhere was written once.
 */
export function* scanRecords(copies: readonly string[]): Generator<ScannedRecord> {
  const places = copies.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const known = new Map<number, Place[]>();
  for (const path of places) {
    for (const reading of readings) notePlaces(path, reading, known);
  }
  const chain = new Chain(sha256);
  const read = placeReader();
  for (const position of [...known.keys()].sort((a, b) => a - b)) {
    const sound = (known.get(position) ?? []).map((place) => storedAt(read(place)));
    const next = sound.find((stored) => chain.prove(stored) === null);
    if (next) yield { ...next, proven: true };
    else if (sound[0]) yield { ...sound[0], proven: false };
  }
}

/** A file is read both ways, since names may have been mixed up. */
type Reading = (path: string) => Buffer;
const asTable: Reading = (path) => readFileSync(path);
const asLog: Reading = (path) => unwrapped(readFileSync(path));
const readings: readonly Reading[] = [asTable, asLog];

interface Place {
  readonly path: string;
  readonly reading: Reading;
  readonly start: number;
  readonly end: number;
  /** The line's last characters: its hash. */
  readonly seal: string;
}

function notePlaces(path: string, reading: Reading, known: Map<number, Place[]>): void {
  for (const { start, end, line } of sealedLines(reading(path))) {
    const { position } = JSON.parse(line) as { position: number };
    const places = known.get(position) ?? [];
    const seal = line.slice(-66);
    if (!places.some((place) => place.seal === seal)) places.push({ path, reading, start, end, seal });
    known.set(position, places);
  }
}

/** Neighbours mostly stand in one file: the last one is kept. */
function placeReader(): (place: Place) => string {
  let last: { path: string; reading: Reading; bytes: Buffer } | undefined;
  return ({ path, reading, start, end }) => {
    if (last?.path !== path || last.reading !== reading) last = { path, reading, bytes: reading(path) };
    return last.bytes.toString("utf8", start, end);
  };
}

/** A record of a newer version is STORE_FORMAT. */
function storedAt(line: string): StoredRecord {
  return { record: parseRecord(line), line };
}
