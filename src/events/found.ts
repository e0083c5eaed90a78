import { Level } from "level";
import { Chain } from "./chain.ts";
import { sha256 } from "./hash.ts";
import { positionOf, recordKeys } from "./level-keys.ts";
import type { StoredRecord } from "./log.ts";
import { checkHash, parseRecord } from "./seal.ts";

/** A line under a position, and whether it goes on where the proven ones end. */
export interface Found extends StoredRecord {
  /** false: its bytes are those that were sealed, but one before it is missing or wrong. */
  readonly proven: boolean;
}

/**
 * Every record in copies of a damaged database whose bytes are those that were sealed, by position. LevelDB's own
 * repair reads each file by itself, with or without a manifest, and skips what it can't read. A record is never
 * overwritten nor deleted in a log, so whatever is found anywhere was written once.
 */
export async function* recordsFound(copies: readonly string[]): AsyncGenerator<Found> {
  const sources = await Promise.all(copies.map(openRepaired));
  const chain = new Chain(sha256);
  try {
    for await (const candidates of byPosition(sources)) {
      const sound = candidates.flatMap((line) => soundRecord(line) ?? []);
      const next = sound.find((stored) => chain.prove(stored) === null);
      if (next) yield { ...next, proven: true };
      else if (sound[0]) yield { ...sound[0], proven: false };
    }
  } finally {
    for (const { db } of sources) await db.close();
  }
}

/** On Node `level` is classic-level, which has this; the types of `level` leave it out. */
const repairing = Level as unknown as { repair(location: string): Promise<void> };

type Entry = readonly [key: string, line: string];
interface Source {
  readonly db: Level;
  readonly entries: AsyncIterator<Entry>;
}

async function openRepaired(folder: string): Promise<Source> {
  await repairing.repair(folder);
  const db = new Level(folder);
  await db.open();
  return { db, entries: entriesOf(db) };
}

async function* entriesOf(db: Level): AsyncGenerator<Entry> {
  const iterator = db.iterator({ ...recordKeys(1), highWaterMarkBytes: 4 * 1024 * 1024 });
  for (;;) {
    const entries = await iterator.nextv(1000);
    if (entries.length === 0) return;
    yield* entries;
  }
}

/** What each source has under the lowest position that is left, as often as there is one. */
async function* byPosition(sources: readonly Source[]): AsyncGenerator<string[]> {
  const nexts = await Promise.all(sources.map(({ entries }) => next(entries)));
  for (;;) {
    const lowest = Math.min(...nexts.map((entry) => (entry ? positionOf(entry[0]) : Infinity)));
    if (lowest === Infinity) return;
    const lines: string[] = [];
    for (const [i, { entries }] of sources.entries()) {
      const entry = nexts[i];
      if (!entry || positionOf(entry[0]) !== lowest) continue;
      lines.push(entry[1]);
      nexts[i] = await next(entries);
    }
    yield lines;
  }
}

async function next(entries: AsyncIterator<Entry>): Promise<Entry | undefined> {
  const result = await entries.next();
  return result.done ? undefined : result.value;
}

/** undefined for what is no record, or not as it was sealed. A record of a newer version is STORE_FORMAT. */
function soundRecord(line: string): StoredRecord | undefined {
  return checkHash(line, sha256) === null ? { record: parseRecord(line), line } : undefined;
}
