import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SnapledgerError } from "../errors.ts";
import { makeFolders } from "../system/folders.ts";
import { replaceFileBlocking } from "../system/write.ts";
import type { LogEnd } from "../events/events.ts";
import type { EventLog, LogHead } from "../events/log.ts";

/**
 * The last head that was seen of each log, kept outside its store: nothing inside can tell that an old copy of the
 * whole folder was put in its place.
 */
export interface KnownHeads {
  of(logId: string): LogHead | undefined;
  learn(head: LogHead): void;
}

/**
 * One file per log, 0600, with a head for each folder its store was seen in: a backup that was restored elsewhere goes
 * on by itself. A folder that is new has to be as far as the farthest. Best effort: without them a store is as good as
 * it is without a memory.
 */
export function knownHeadFiles(folder: string, store: string): KnownHeads {
  const pathOf = (logId: string) => join(folder, `${logId}.json`);
  return {
    of(logId) {
      const seen = readSeen(pathOf(logId));
      const farthest = Object.values(seen).sort((a, b) => b.position - a.position)[0];
      const known = seen[store] ?? farthest;
      return known && { logId, ...known };
    },
    learn({ logId, position, hash }) {
      try {
        makeFolders(folder);
        const path = pathOf(logId);
        const seen = { ...readSeen(path), [store]: { position, hash } };
        replaceFileBlocking(path, JSON.stringify(seen));
      } catch {
        return;
      }
    },
  };
}

type Seen = Readonly<Record<string, LogEnd>>;

function readSeen(path: string): Seen {
  try {
    const seen = JSON.parse(readFileSync(path, "utf8")) as Record<string, Partial<LogEnd> | null>;
    const whole = ([, end]: [string, Partial<LogEnd> | null]) =>
      Number.isSafeInteger(end?.position) && typeof end?.hash === "string";
    return Object.fromEntries(Object.entries(seen).filter(whole)) as Seen;
  } catch {
    return {};
  }
}

/** LOG_BEHIND when the log lacks, or has another record for, what was seen of it before; undefined when all is well. */
export async function checkNotBehind(log: EventLog, known: LogHead | undefined): Promise<SnapledgerError | undefined> {
  if (!known) return undefined;
  const end = await log.head();
  const facts = { known, head: end };
  const hint =
    "An old copy was put back. Find the newer one; or go on from here with --accept-rollback and a --reason, which the log records.";
  if (end.position < known.position) {
    const first = end.position + 1;
    const missing = first === known.position ? `position ${first} is` : `positions ${first} to ${known.position} are`;
    const message = `This log ends at ${end.position}, but ${missing} known to have been written.`;
    return new SnapledgerError("LOG_BEHIND", message, {
      facts: { ...facts, missing: { first, last: known.position } },
      hint,
    });
  }
  if ((await hashAt(log, known.position)) === known.hash) return undefined;
  const message = `Position ${known.position} of this log is another record than the one that was seen there before.`;
  return new SnapledgerError("LOG_BEHIND", message, { facts: { ...facts, missing: null }, hint });
}

async function hashAt(log: EventLog, position: number): Promise<string | undefined> {
  for await (const { record } of log.read({ from: position, to: position + 1 })) return record.hash;
  return undefined;
}
