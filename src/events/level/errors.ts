import { SnapledgerError, isSnapledgerError } from "../../errors.ts";
import { diskTrouble } from "../../system/disk-errors.ts";
import { damaged } from "../damage.ts";

/** What LevelDB says of itself, as ours; our own errors and those that are no damage go through unchanged. */
export function asDamage(error: unknown, position = 0): unknown {
  if (isSnapledgerError(error)) return error;
  const code = levelCode(error);
  return code === "LEVEL_CORRUPTION" || code === "LEVEL_IO_ERROR" ? damaged(position, reason(error), error) : error;
}

/** Opening failed: LOG_BUSY (another process has it open), STORE_EXISTS, what the disk said, or LOG_DAMAGED. */
export function asOpenError(error: unknown, folder: string): SnapledgerError {
  const facts = { folder };
  if (levelCode(error) === "LEVEL_LOCKED")
    return new SnapledgerError("LOG_BUSY", `Another process has the log in ${folder} open.`, { facts, cause: error });
  const why = reason(error);
  if (why.includes("error_if_exists"))
    return new SnapledgerError("STORE_EXISTS", `There is a log in ${folder} already.`, { facts, cause: error });
  return diskTrouble(why, folder, error) ?? damaged(0, why, error);
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

/** Writing to a new database failed: what the disk said, or the error itself. */
export function asWriteError(error: unknown, folder: string): unknown {
  return isSnapledgerError(error) ? error : (diskTrouble(reason(error), folder, error) ?? error);
}
