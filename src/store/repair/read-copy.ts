import type { SnapledgerError } from "../../errors.ts";
import { isUnwritable } from "../../system/disk-errors.ts";
import type { LogAccess } from "../../events/log.ts";
import type { CopiedLog } from "./copy.ts";

/** Why a store can't be opened where it is, and the folder that the copy lies in that is read instead. */
export interface Unwritable {
  readonly error: SnapledgerError;
  readonly copyIn: string;
}

/** A copy of a store's log that is made when its disk turns out not to be writable: opening the log writes. */
export interface ReadableCopy {
  readonly isRead: boolean;
  /** For reading alone: `log`, or the copy. */
  over(log: LogAccess): LogAccess;
  /** The copy goes with it. */
  close(): Promise<void>;
}

export function readableCopy(
  folder: string,
  { waitMs, onUnwritable }: { readonly waitMs: number; readonly onUnwritable: (unwritable: Unwritable) => void },
): ReadableCopy {
  let copied: Promise<CopiedLog> | undefined;
  const copy = async (error: SnapledgerError): Promise<CopiedLog> => {
    const { openElsewhere } = await import("./copy.ts");
    const made = await openElsewhere(folder, waitMs, error);
    onUnwritable({ error, copyIn: made.above });
    return made;
  };
  return {
    get isRead() {
      return copied !== undefined;
    },
    over: (log) => ({
      async use(work) {
        try {
          if (!copied) return await log.use(work);
        } catch (error) {
          if (!isUnwritable(error)) throw error;
          copied ??= copy(error);
        }
        return work((await copied).log);
      },
      close: () => log.close(),
    }),
    async close() {
      const made = await copied?.catch(() => undefined);
      await made?.close();
    },
  };
}
