import { Level } from "level";
import { indexKeys, recordKey } from "./keys.ts";
import { asWriteError } from "./errors.ts";
import type { StoredRecord } from "../log.ts";
import { databaseOptions } from "./options.ts";

const recordsAtOnce = 1000;

/** Makes a new database of records that are sealed already, with its indexes. Durable when it resolves. */
export async function writeLog(
  folder: string,
  records: Iterable<StoredRecord> | AsyncIterable<StoredRecord>,
): Promise<void> {
  const db = new Level(folder, { ...databaseOptions, createIfMissing: true, errorIfExists: true });
  try {
    await db.open();
    let batch = db.batch();
    for await (const { record, line } of records) {
      const key = recordKey(record.position);
      batch.put(key, line);
      for (const indexKey of indexKeys(record, key)) batch.put(indexKey, key);
      if (record.position % recordsAtOnce !== 0) continue;
      await batch.write();
      batch = db.batch();
    }
    await batch.write({ sync: true });
  } catch (error) {
    throw asWriteError(error, folder);
  } finally {
    await db.close();
  }
}
