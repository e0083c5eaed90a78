import { setTimeout as sleep } from "node:timers/promises";
import { SnapledgerError } from "../../errors.ts";
import type { GuestState } from "../../events/records.ts";
import { errnoOf, statOf } from "../qemu-img/files.ts";
import { sockets } from "./folder.ts";
import type { GuestFolder } from "./folder.ts";
import { Qmp } from "./qmp.ts";
import type { QmpOptions } from "./qmp.ts";
import type { RunState } from "./qmp-commands.ts";

/** Runs `work` on a connection to the guest; undefined when there is no guest. GUEST_BUSY, GUEST_GONE. */
export async function withGuest<T>(
  folder: GuestFolder,
  socket: keyof typeof sockets,
  work: (qmp: Qmp) => Promise<T>,
  options: QmpOptions = {},
): Promise<T | undefined> {
  // None was ever started: most domains are asked about often, and have no guest.
  const qmp = statOf(folder.path) ? await connected(folder, socket, options) : undefined;
  if (!qmp) return undefined;
  try {
    return await work(qmp);
  } finally {
    qmp.close();
  }
}

/** A guest that is just being started by somebody who died may not listen yet. */
const listensWithinMs = 10_000;

async function connected(
  folder: GuestFolder,
  socket: keyof typeof sockets,
  options: QmpOptions,
): Promise<Qmp | undefined> {
  const deadline = performance.now() + listensWithinMs;
  for (;;) {
    try {
      return await folder.withSocket(sockets[socket], (path) => Qmp.connect(path, options));
    } catch (error) {
      // EAGAIN: as many wait for their turn already as the system lets wait.
      const isFull = errnoOf(error) === "EAGAIN";
      if (!isFull && !isNobodyThere(error)) throw error;
      if (!isFull && !folder.living()) return undefined;
      if (performance.now() >= deadline) throw deaf(folder);
    }
    await sleep(10);
  }
}

/** The socket is not there, nobody listens on it, or QEMU ended before it greeted. */
export function isNobodyThere(error: unknown): boolean {
  if (error instanceof SnapledgerError) return error.code === "GUEST_GONE";
  return ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOTDIR"].includes(errnoOf(error) ?? "");
}

function deaf({ path }: GuestFolder): SnapledgerError {
  return new SnapledgerError("GUEST_BUSY", `QEMU runs, but nobody gets through to it by its sockets in "${path}".`, {
    facts: { path },
    hint: "Try again. Were they removed by hand? Then end the guest from inside, or the process by its pid in guest.json.",
  });
}

/** Whatever is not running and not off stands still: by its operator, by an error, or between two steps of ours. */
export function stateOf(status: RunState): GuestState {
  return status === "running" || status === "suspended" ? "running" : "paused";
}
