import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { logBusy } from "./holder.ts";
import { kernelLock, type KernelLock } from "../../system/kernel-lock.ts";
import { storeLayout } from "../layout.ts";

/**
 * One process at a time has a store's database. The lock goes by the folder's device and inode: a store that is
 * reached over two paths is one store. Beside it LevelDB has a lock of its own, which `rm LOCK` would open. Rejects
 * with LOG_BUSY after the wait.
 */
export async function lockStore(folder: string, waitMs: number): Promise<KernelLock> {
  const { run } = storeLayout(folder);
  const { dev, ino } = statSync(folder, { bigint: true });
  const deadline = Date.now() + waitMs;
  // Whoever has it only now may not have left its name yet.
  let unnamed = 5;
  for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 50)) {
    const lock = await kernelLock(`store/${dev}/${ino}`, join(run, "log"));
    if (lock) return lock;
    if (Date.now() >= deadline) {
      const busy = logBusy(folder, run, waitMs);
      if (busy.facts["holder"] !== null || unnamed-- === 0) throw busy;
    }
    await sleep(delayMs);
  }
}
