import { statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import { isAlive, processId, type ProcessId } from "../../system/process-id.ts";
import { storeLayout } from "../layout.ts";
import { namedLock, readHolder } from "./named-lock.ts";

/** Which process has the log open. */
interface LogHolder extends ProcessId {
  readonly host: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  readonly verb: string | null;
}

export interface StoreLock {
  /** For those who wait. `now`: milliseconds since the epoch. */
  name(verb: string | null, now: number): void;
  release(): Promise<void>;
}

const placeIn = (folder: string): string => join(storeLayout(folder).run, "log");

/**
 * One process at a time has a store's database. The lock goes by the folder's device and inode: a store that is
 * reached over two paths is one store. Beside it LevelDB has a lock of its own, which `rm LOCK` would open. Rejects
 * with LOG_BUSY after the wait.
 */
export async function lockStore(folder: string, waitMs: number): Promise<StoreLock> {
  const { dev, ino } = statSync(folder, { bigint: true });
  const lock = await namedLock<LogHolder>({
    name: `store/${dev}/${ino}`,
    place: placeIn(folder),
    waitMs,
    parse: living,
    busy: (holder) => busy(folder, waitMs, holder),
  });
  return {
    name(verb, now) {
      const me = processId(process.pid);
      if (me) lock.nameHolder({ ...me, host: hostname(), since: new Date(now).toISOString(), verb });
    },
    release: () => lock.release(),
  };
}

/** LevelDB's own lock is held: LOG_BUSY as of `lockStore`. */
export function logBusy(folder: string, waitMs: number, cause: unknown): SnapledgerError {
  return busy(folder, waitMs, readHolder(`${placeIn(folder)}.json`, living), cause);
}

function busy(folder: string, waitMs: number, holder: LogHolder | undefined, cause?: unknown): SnapledgerError {
  const doing = holder?.verb ? `${holder.verb}, ` : "";
  const who = holder ? `Process ${holder.pid} on ${holder.host} (${doing}since ${holder.since})` : "Another process";
  return new SnapledgerError("LOG_BUSY", `${who} has the log of ${folder} open.`, {
    facts: { folder, waitMs, holder: holder ?? null },
    hint: "Try again, or wait longer with --wait SECONDS.",
    cause,
  });
}

/** undefined also for one that has ended since: the holder is another then, which could not leave a name. */
function living(file: Partial<LogHolder>): LogHolder | undefined {
  if (typeof file.pid !== "number") return undefined;
  const holder = file as LogHolder;
  return isAlive(holder) || holder.host !== hostname() ? holder : undefined;
}
