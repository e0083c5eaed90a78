import { isSnapledgerError, type SnapledgerError } from "../../errors.ts";
import type { EventLog, LogAccess } from "../../events/log.ts";

/** What is shown of a damaged log: positions 1 to `proven`. */
export interface Damage {
  readonly error: SnapledgerError;
  readonly proven: number;
}

/**
 * For reading alone: once the log turns out to be damaged, `onDamage` is called, and reading goes on with what can be
 * proven of it. Work may run a second time then.
 */
export function provenAccess(
  log: LogAccess,
  folder: string,
  { waitMs, onDamage }: { readonly waitMs: number; readonly onDamage: (damage: Damage) => void },
): LogAccess {
  let salvaged: Promise<EventLog> | undefined;
  const salvage = async (error: SnapledgerError): Promise<EventLog> => {
    const { provenLog } = await import("./verify-store.ts");
    const { log: found, proven } = await provenLog(folder, waitMs);
    // Nothing at all is proven: there is nothing to show either.
    if (proven === 0) throw error;
    onDamage({ error, proven });
    return found;
  };
  return {
    async use(work) {
      if (salvaged) return work(await salvaged);
      try {
        return await log.use(work);
      } catch (error) {
        if (!isSnapledgerError(error, "LOG_DAMAGED")) throw error;
        salvaged ??= salvage(error);
        return work(await salvaged);
      }
    },
    close: () => log.close(),
  };
}
