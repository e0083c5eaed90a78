import { setTimeout as sleep } from "node:timers/promises";
import { cliCommand, SnapledgerError } from "../../errors.ts";
import type { DomainId } from "../../events/ids.ts";
import type { GuestFolder } from "./folder.ts";
import { isAlive } from "../../system/process-id.ts";
import type { ProcessId } from "../../system/process-id.ts";
import { isNobodyThere, withGuest } from "./session.ts";

/** How long QEMU may take to end by itself before it is made to. */
const endsWithinMs = 5000;

/** Ends QEMU, which flushes what it has written; the guest is not asked. */
export async function stopGuest(folder: GuestFolder): Promise<void> {
  try {
    await withGuest(folder, "control", (qmp) => qmp.execute("quit"), { timeoutMs: endsWithinMs });
  } catch (error) {
    // It may end before it answers; and one that does not answer is ended by its pid.
    if (!isNobodyThere(error) && !(error instanceof SnapledgerError && error.code === "GUEST_BUSY")) throw error;
  }
  const guest = folder.read();
  if (guest) await endProcess(guest.process);
  await folder.clear();
}

/** Waits, then asks, then makes it. Only ever this very process: a pid that was given to another is left alone. */
export async function endProcess(child: ProcessId): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (await endsWithin(child, signal === "SIGTERM" ? 1000 : endsWithinMs)) return;
    if (isAlive(child)) process.kill(child.pid, signal);
  }
  if (!(await endsWithin(child, endsWithinMs))) {
    const message = `The guest's process ${child.pid} does not end, not even when killed.`;
    throw new SnapledgerError("DRIVER_FAILED", message, {
      facts: { pid: child.pid },
      hint: "It may hang on a file system that does not answer.",
    });
  }
}

async function endsWithin(child: ProcessId, ms: number): Promise<boolean> {
  for (const deadline = performance.now() + ms; performance.now() < deadline;) {
    if (!isAlive(child)) return true;
    await sleep(10);
  }
  return !isAlive(child);
}

/** Presses the guest's power button and waits for its end. GUEST_BUSY when it still runs then; it may end later. */
export async function shutdownGuest(
  folder: GuestFolder,
  domain: DomainId,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const asked = await withGuest(folder, "control", (qmp) => qmp.execute("system_powerdown"));
  if (asked === undefined) return;
  for (const deadline = performance.now() + timeoutMs; folder.living();) {
    if (performance.now() >= deadline || signal?.aborted === true) throw runsOn(domain, timeoutMs);
    await sleep(20);
  }
  await folder.clear();
}

function runsOn(domain: DomainId, timeoutMs: number): SnapledgerError {
  const message = `The guest was asked to shut down, and still runs after ${timeoutMs / 1000} seconds.`;
  return new SnapledgerError("GUEST_BUSY", message, {
    facts: { domain, timeoutMs },
    hint: `It may still do so: the next command notices. To stop it at once: ${cliCommand("destroy", domain)}.`,
  });
}
