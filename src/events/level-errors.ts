import { SnapledgerError, isSnapledgerError } from "../errors.ts";
import { damageHint } from "./seal.ts";

/** A record that is not there, or not what was written. `position` 0: unknown. */
export function damaged(position: number, why: string, cause?: unknown): SnapledgerError {
  const where = position > 0 ? `The log is damaged at position ${position}` : "The log is damaged";
  return new SnapledgerError("LOG_DAMAGED", `${where}: ${why}.`, {
    facts: { position: position || null, why },
    hint: damageHint,
    cause,
  });
}

/** What LevelDB says of itself, as ours; our own errors and those that are no damage go through unchanged. */
export function asDamage(error: unknown, position = 0): unknown {
  if (isSnapledgerError(error)) return error;
  const code = levelCode(error);
  return code === "LEVEL_CORRUPTION" || code === "LEVEL_IO_ERROR" ? damaged(position, reason(error), error) : error;
}

/** Opening failed: LOG_BUSY (another process has it open), STORE_EXISTS, or LOG_DAMAGED. */
export function asOpenError(error: unknown, folder: string): SnapledgerError {
  const facts = { folder };
  if (levelCode(error) === "LEVEL_LOCKED")
    return new SnapledgerError("LOG_BUSY", `Another process has the log in ${folder} open.`, { facts, cause: error });
  const why = reason(error);
  if (why.includes("error_if_exists"))
    return new SnapledgerError("STORE_EXISTS", `There is a log in ${folder} already.`, { facts, cause: error });
  return damaged(0, why, error);
}

/** abstract-level wraps what failed when opening: the code is that of the cause. */
function levelCode(error: unknown): string | undefined {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return code === "LEVEL_DATABASE_NOT_OPEN" && cause !== undefined ? levelCode(cause) : code;
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause === undefined ? message : reason(cause);
}
