import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { SnapledgerError } from "../../errors.ts";
import type { Actor, Envelope, Range } from "../../events/events.ts";
import { scanRecords } from "../integrity/record-scan.ts";
import type { Clock, NewId } from "../../events/ids.ts";
import { createLevelEventLog, openLevelEventLog } from "../../events/level/level-log.ts";
import type { LogHead, StoredRecord } from "../../events/log.ts";
import { makeStore } from "../create.ts";
import { withCopy, type StoreCopy } from "./copy.ts";
import { writeLog } from "../../events/level/bulk-write.ts";

export interface SalvageOptions {
  readonly clock: Clock;
  readonly newId: NewId;
  readonly actor: Actor;
  readonly reason: string | null;
  readonly ticket: string | null;
  /** How long to wait for a process that has the damaged store open. */
  readonly waitMs: number;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Salvaged {
  /** Where the new log ends: at its LogSalvaged. */
  readonly head: LogHead;
  /** Where the damaged one had to end, if its head file still said so. */
  readonly damagedHead: LogHead | null;
  /** Records of the damaged log that the new one begins with. */
  readonly proven: number;
  readonly lost: readonly Range[];
  /** In `looseFile`, unchanged. */
  readonly loose: readonly Range[];
  readonly looseFile: string | null;
}

/**
 * Makes a new store in `into` of all that can be proven in a damaged one: its longest proven prefix, then LogSalvaged.
 * Sound records after a gap go unchanged, a line each, to salvaged.ndjson beside it. The damaged store is not touched.
 * Rejects as `makeStore`, and with LOG_BUSY.
 */
export async function salvageStore(folder: string, into: string, options: SalvageOptions): Promise<Salvaged> {
  return withCopy(folder, options.waitMs, async (copy) => {
    const path = join(into, "salvaged.ndjson");
    const found = survey(copy, options);
    const isLoose = found.loose.length > 0;
    const head = await makeStore(into, async (logFolder) => {
      if (isLoose) {
        await pipeline(looseLines(copy), createWriteStream(path, { mode: 0o600, flags: "wx", flush: true }));
      }
      if (found.proven > 0) await writeLog(logFolder, provenIn(copy));
      return sealSalvage(logFolder, folder, found, options);
    });
    return { ...found, head, damagedHead: copy.head, looseFile: isLoose ? path : null };
  });
}

type Survey = Pick<Salvaged, "proven" | "lost" | "loose">;

/** What is there, and what of it is sound but not part of the prefix. */
function survey(copy: StoreCopy, { onProgress }: SalvageOptions): Survey {
  let proven = 0;
  const loose: Range[] = [];
  for (const { record, proven: follows } of scanRecords(copy.databases)) {
    const { position } = record;
    if (position % 1000 === 0) onProgress?.(position, copy.head?.position ?? position);
    const last = loose.at(-1);
    if (follows) proven = position;
    else if (last?.last === position - 1) loose[loose.length - 1] = { first: last.first, last: position };
    else loose.push({ first: position, last: position });
  }
  return { proven, loose, lost: between(proven, loose, copy.head?.position ?? 0) };
}

function* looseLines(copy: StoreCopy): Generator<string> {
  for (const { line, proven } of scanRecords(copy.databases)) if (!proven) yield `${line}\n`;
}

/** What lies between the prefix, the loose ones and the end, as far as anything says where that was. */
function between(proven: number, loose: readonly Range[], end: number): Range[] {
  const lost: Range[] = [];
  let next = proven + 1;
  for (const { first, last } of [...loose, { first: end + 1, last: end }]) {
    if (first > next) lost.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  return lost;
}

function* provenIn(copy: StoreCopy): Generator<StoredRecord> {
  for (const found of scanRecords(copy.databases)) {
    if (!found.proven) return;
    yield found;
  }
}

/** A log whose very first record is lost is a new one: that is where its id was. */
async function sealSalvage(
  logFolder: string,
  from: string,
  { proven, lost, loose }: Survey,
  { clock, newId, actor, reason, ticket }: SalvageOptions,
): Promise<LogHead> {
  const parts = { clock, newId };
  const log = await (proven > 0
    ? openLevelEventLog(logFolder, parts)
    : createLevelEventLog(logFolder, { ...parts, actor }));
  const envelope: Envelope = { domain: null, actor, reason, ticket, operation: null, commandId: null };
  try {
    await log.append([{ ...envelope, type: "LogSalvaged", schema: 1, data: { from, lost, loose } }]);
    return await log.head();
  } finally {
    await log.close();
  }
}

/** Nothing is to be salvaged from a store that is what it must be. */
export function notDamaged(folder: string, { position }: LogHead): SnapledgerError {
  return new SnapledgerError(
    "STORE_SOUND",
    `The log in ${folder} is proven to its end, at ${position}: nothing is lost.`,
    {
      facts: { folder, position },
      hint: "To copy it, use `snapledger backup FILE.tar.gz`.",
    },
  );
}
