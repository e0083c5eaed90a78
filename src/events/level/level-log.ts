import { Level } from "level";
import { SnapledgerError } from "../../errors.ts";
import { AppendQueue, type Group } from "../append-queue.ts";
import type { Actor, EventRecord } from "../events.ts";
import { sha256 } from "../hash.ts";
import type { Clock, NewId } from "../ids.ts";
import { asDamage, asOpenError } from "./errors.ts";
import { indexKeys, recordKey } from "./keys.ts";
import { findCommand, lastRevision, missingIndex, provenAt, readDomain, readRange, readTail } from "./read.ts";
import { logCreated, logIdOf } from "../log-created.ts";
import type { EventLog, LogHead } from "../log.ts";
import { beforeFirst, type Link } from "../seal.ts";
import { databaseOptions } from "./options.ts";

export interface LevelLogOptions {
  readonly clock: Clock;
  readonly newId: NewId;
  /** Appending is LOG_UNWRITABLE. LevelDB itself writes when it opens, all the same. Default false. */
  readonly readOnly?: boolean;
  /** Runs before a group is written; if it throws, nothing is. */
  readonly beforeBatch?: () => void;
  /**
   * Runs once a group is on disk and before its callers hear of it, with the new end of the log and the bytes of the
   * group's records. If it throws, the group has failed. What must be as durable as the log belongs here.
   */
  readonly afterBatch?: (head: LogHead, bytes: number) => void;
}

/** A log on LevelDB, which can also prove its own indexes. */
export interface LevelEventLog extends EventLog {
  /** The first of these records that an index does not lead to, as a position; null when all are found. */
  missingIndex(records: readonly EventRecord[]): Promise<number | null>;
}

/** Makes a new database in `folder`, with LogCreated at position 1. Rejects with STORE_EXISTS when there is one. */
export async function createLevelEventLog(
  folder: string,
  options: LevelLogOptions & { readonly actor: Actor },
): Promise<LevelEventLog> {
  const db = await openDatabase(folder, { createIfMissing: true, errorIfExists: true });
  const logId = options.newId();
  const log = levelEventLog(db, logId, beforeFirst, options);
  try {
    await log.append([logCreated(logId, options.actor)]);
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/**
 * Opens the database in `folder`, reading its first and its last records only. Rejects with LOG_BUSY while another
 * process has it open, LOG_DAMAGED, STORE_FORMAT.
 */
export async function openLevelEventLog(folder: string, options: LevelLogOptions): Promise<LevelEventLog> {
  const db = await openDatabase(folder, { createIfMissing: false, errorIfExists: false });
  try {
    const [first] = await db.getMany([recordKey(1)]);
    const logId = logIdOf(first === undefined ? undefined : provenAt(1, first).record);
    return levelEventLog(db, logId, await readTail(db), options);
  } catch (error) {
    await db.close();
    throw asDamage(error);
  }
}

async function openDatabase(
  folder: string,
  options: { createIfMissing: boolean; errorIfExists: boolean },
): Promise<Level> {
  const db = new Level(folder, { ...databaseOptions, ...options });
  try {
    await db.open();
    return db;
  } catch (error) {
    throw asOpenError(error, folder);
  }
}

function levelEventLog(db: Level, logId: string, tail: Link, options: LevelLogOptions): LevelEventLog {
  const { clock, newId, readOnly = false } = options;
  const queue = new AppendQueue(tail, {
    clock,
    newId,
    hash: sha256,
    newGroup: () => levelGroup(db, logId, options),
    revisionOf: (domain) => lastRevision(db, domain),
  });
  return {
    append: (events, expected) => (readOnly ? Promise.reject(openedToRead()) : queue.append(events, expected)),
    read: ({ from = 1, to = Infinity } = {}) =>
      readRange(db, Math.max(from, 1), Math.min(to, queue.durable.position + 1)),
    readDomain: (domain, { fromRevision = 1, upTo = Infinity } = {}) =>
      readDomain(db, domain, { fromRevision, upTo: Math.min(upTo, queue.durable.position) }),
    findCommand: (commandId) => findCommand(db, commandId),
    revision: (domain) => lastRevision(db, domain),
    head: () => Promise.resolve({ logId, position: queue.durable.position, hash: queue.durable.hash }),
    missingIndex: (records) => missingIndex(db, records),
    async close() {
      await queue.drain();
      await db.close();
    },
  };
}

/** A record and its index entries ride in one batch: there is no instant at which one is there without the other. */
function levelGroup(db: Level, logId: string, { beforeBatch, afterBatch }: LevelLogOptions): Group {
  const batch = db.batch();
  let end: Link = beforeFirst;
  let bytes = 0;
  return {
    add({ record, line }) {
      const key = recordKey(record.position);
      batch.put(key, line);
      for (const indexKey of indexKeys(record, key)) batch.put(indexKey, key);
      end = record;
      bytes += line.length;
    },
    async write() {
      beforeBatch?.();
      await batch.write({ sync: true });
      afterBatch?.({ logId, position: end.position, hash: end.hash }, bytes);
    },
  };
}

function openedToRead(): SnapledgerError {
  return new SnapledgerError("LOG_UNWRITABLE", "The log was opened for reading only.");
}
