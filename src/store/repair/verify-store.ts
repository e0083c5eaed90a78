import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isSnapledgerError } from "../../errors.ts";
import { holdsBatches } from "../integrity/wal-check.ts";
import { isSound } from "../integrity/table-check.ts";
import { scanRecords } from "../integrity/record-scan.ts";
import { openLevelEventLog } from "../../events/level/level-log.ts";
import type { EventLog } from "../../events/log.ts";
import { memoryEventLog } from "../../events/memory-log.ts";
import { withCopy, type StoreCopy } from "./copy.ts";
import { verifyLog, type Verdict, type VerifyOptions } from "../../events/verify.ts";

/** A copy is never appended to, so nothing asks for the time or an id. */
const neverAppends = { clock: () => 0, newId: () => "", readOnly: true };

/** Proves a copy of a store's log, in any state of its files. LOG_BUSY, STORE_NOT_FOUND, STORE_UNSAFE. */
export async function verifyStore(
  folder: string,
  { waitMs, ...options }: Omit<VerifyOptions, "head"> & { readonly waitMs: number },
): Promise<Verdict> {
  return withCopy(folder, waitMs, async (copy) => {
    const opened = await verifyDatabase(copy, options);
    return opened ?? verifyFound(copy, options);
  });
}

/** undefined when the database does not open, so that nothing is said of what it holds. */
async function verifyDatabase(copy: StoreCopy, options: VerifyOptions): Promise<Verdict | undefined> {
  const { database } = copy;
  if (database === undefined || !filesAreSound(database)) return undefined;
  const log = await openLevelEventLog(database, neverAppends).catch((error: unknown) => {
    if (!isSnapledgerError(error, "LOG_DAMAGED")) throw error;
    return undefined;
  });
  if (!log) return undefined;
  try {
    const head = copy.head ?? (await log.head());
    const verdict = await verifyLog(log, { ...options, head });
    if (copy.head || !verdict.ok) return { ...verdict, head: copy.head };
    const why = "the head file is missing or can't be read, so nothing says where the log has to end";
    return { ...verdict, ok: false, head: null, firstBad: { position: verdict.valid + 1, why } };
  } finally {
    await log.close();
  }
}

/** Before LevelDB is let at them: it may die of one that is not. */
function filesAreSound(database: string): boolean {
  return readdirSync(database).every((name) => {
    if (/\.(ldb|sst)$/.test(name)) return isSound(readFileSync(join(database, name)));
    return !name.endsWith(".log") || holdsBatches(readFileSync(join(database, name)));
  });
}

function verifyFound(copy: StoreCopy, options: VerifyOptions): Verdict {
  let valid = 0;
  for (const { proven } of scanRecords(copy.databases)) {
    if (!proven) break;
    valid += 1;
    if (valid % 1000 === 0) options.onProgress?.(valid, copy.head?.position ?? valid);
  }
  const why = copy.database === undefined ? "the database is missing" : "the database does not open as it is";
  return { ok: false, head: copy.head, valid, firstBad: { position: valid + 1, why }, heldAt: null };
}

/** What is proven of a damaged store, in RAM, and up to which position. Without a single record the log is a made-up one. */
export async function provenLog(
  folder: string,
  waitMs: number,
): Promise<{ readonly log: EventLog; readonly proven: number }> {
  return withCopy(folder, waitMs, ({ databases }) => {
    const disk: string[] = [];
    for (const { line, proven } of scanRecords(databases)) {
      if (!proven) break;
      disk.push(line);
    }
    return Promise.resolve({ proven: disk.length, log: memoryEventLog({ ...neverAppends, disk }) });
  });
}
