import { readFileSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import { isAlive, processId, type ProcessId } from "../../system/process-id.ts";
import { overwrite } from "../../system/write.ts";

/** Which process has the log open. Only worth reading while the store is locked. */
interface LogHolder extends ProcessId {
  readonly host: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  readonly verb: string | null;
}

const holderFile = (runFolder: string): string => join(runFolder, "log.json");

/** Best effort: the store is locked all the same, only its holder would have no name. */
export function nameHolder(runFolder: string, verb: string | null, now: number): void {
  const me = processId(process.pid);
  const holder = { ...me, host: hostname(), since: new Date(now).toISOString(), verb };
  try {
    overwrite(holderFile(runFolder), JSON.stringify(holder));
  } catch {
    return;
  }
}

/** Before the lock is let go, so that the next holder is never taken for this one. */
export function unnameHolder(runFolder: string): void {
  try {
    unlinkSync(holderFile(runFolder));
  } catch {
    return;
  }
}

/** LOG_BUSY, with who has it in `facts.holder` if that is known. */
export function logBusy(folder: string, runFolder: string, waitMs: number, cause?: unknown): SnapledgerError {
  const holder = readHolder(runFolder);
  const doing = holder?.verb ? `${holder.verb}, ` : "";
  const who = holder ? `Process ${holder.pid} on ${holder.host} (${doing}since ${holder.since})` : "Another process";
  return new SnapledgerError("LOG_BUSY", `${who} has the log of ${folder} open.`, {
    facts: { folder, waitMs, holder: holder ?? null },
    hint: "Try again, or wait longer with --wait SECONDS.",
    cause,
  });
}

/** undefined also for one that has ended since: it is somebody else then, who could not leave a name. */
function readHolder(runFolder: string): LogHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(holderFile(runFolder), "utf8")) as Partial<LogHolder> | null;
    if (typeof holder?.pid !== "number") return undefined;
    return isAlive(holder as LogHolder) || holder.host !== hostname() ? (holder as LogHolder) : undefined;
  } catch {
    return undefined;
  }
}
