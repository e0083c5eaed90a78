import { SnapledgerError } from "../../errors.ts";
import type { DomainId } from "../../events/ids.ts";
import type { GuestState } from "../../events/records.ts";
import type { Driver } from "../driver.ts";
import { thawFileSystems } from "./agent.ts";
import { GuestFolder } from "./folder.ts";
import { freezeGuest, settleFreeze } from "./freeze.ts";
import { commitLive, isCommitting } from "./live-commit.ts";
import { findQemu, machinesOf } from "./machine.ts";
import { guestDisks } from "./nodes.ts";
import type { Qmp } from "./qmp.ts";
import { QmpError } from "./qmp.ts";
import { stateOf, withGuest, isNobodyThere } from "./session.ts";
import { startGuest } from "./start.ts";
import { shutdownGuest, stopGuest } from "./stop.ts";
import { packedFault } from "./zstd.ts";

export type Guests = Pick<
  Driver,
  | "guestState"
  | "guestHeads"
  | "guestWrites"
  | "machines"
  | "memoryFault"
  | "start"
  | "stop"
  | "shutdown"
  | "suspend"
  | "resume"
  | "freeze"
  | "settleFreeze"
  | "thaw"
  | "commitLive"
  | "isCommitting"
>;

/** Guests under QEMU processes of their own, which outlive the process that started them; `run` is the store's run folder. */
export function qemuGuests(run: string, program?: string): Guests {
  const folderOf = (domain: DomainId) => new GuestFolder(run, domain);
  const qemu = () => program ?? findQemu();
  const changing = (domain: DomainId, to: "stop" | "cont") =>
    inOurWords(async () => {
      const done = await withGuest(folderOf(domain), "control", (qmp) => qmp.execute(to));
      if (done === undefined) throw notRunning(domain);
    });
  return {
    guestState: (domain) => lookedAt(folderOf(domain), stateNow, "off"),
    guestHeads: (domain) => lookedAt(folderOf(domain), headsOf, []),
    guestWrites: (domain) => lookedAt(folderOf(domain), writtenHeads, []),
    machines: () => machinesOf(qemu()),
    memoryFault: ({ path, compression }) => (compression === undefined ? Promise.resolve(null) : packedFault(path)),
    start: (guest) => inOurWords(() => startGuest(folderOf(guest.domain), qemu, guest)),
    stop: (domain) => inOurWords(() => stopGuest(folderOf(domain))),
    shutdown: (domain, timeoutMs, signal) =>
      inOurWords(() => shutdownGuest(folderOf(domain), domain, timeoutMs, signal)),
    suspend: (domain) => changing(domain, "stop"),
    resume: (domain) => changing(domain, "cont"),
    freeze: (domain, step, watch) => inOurWords(() => freezeGuest(folderOf(domain), domain, step, watch)),
    settleFreeze: (domain, step, was) => inOurWords(() => settleFreeze(folderOf(domain), step, was)),
    thaw: (domain) => thawFileSystems(folderOf(domain)),
    commitLive: (domain, { from, into }, watch) => inOurWords(() => commitLive(folderOf(domain), from, into, watch)),
    isCommitting: (domain, from) => lookedAt(folderOf(domain), (qmp) => isCommitting(qmp, from), false),
  };
}

async function stateNow(qmp: Qmp): Promise<GuestState> {
  return stateOf((await qmp.execute("query-status")).status);
}

async function headsOf(qmp: Qmp): Promise<readonly string[]> {
  return (await guestDisks(qmp)).flatMap(({ chain: [head] }) => head ?? []);
}

/** Since QEMU opened it: what was written before shows in the file's length. */
async function writtenHeads(qmp: Qmp): Promise<readonly string[]> {
  const written = new Set(
    (await qmp.execute("query-blockstats")).flatMap(({ "node-name": node, stats }) =>
      stats.wr_highest_offset > 0 ? [node] : [],
    ),
  );
  return (await guestDisks(qmp)).flatMap(({ node, chain: [head] }) =>
    head !== undefined && written.has(node) ? [head] : [],
  );
}

/** A guest that ends while it is being looked at is off. */
async function lookedAt<T>(folder: GuestFolder, look: (qmp: Qmp) => Promise<T>, off: T): Promise<T> {
  return inOurWords(async () => {
    try {
      return (await withGuest(folder, "look", look)) ?? off;
    } catch (error) {
      if (isNobodyThere(error) && !folder.living()) return off;
      throw error;
    }
  });
}

/** QEMU's refusals as DRIVER_FAILED with its words. */
async function inOurWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    throw new SnapledgerError("DRIVER_FAILED", `QEMU refused ${error.message}`, {
      facts: { tool: error.message },
      cause: error,
    });
  }
}

function notRunning(domain: DomainId): SnapledgerError {
  return new SnapledgerError("GUEST_GONE", `The guest of domain ${domain} is not running any more.`, {
    facts: { domain },
    hint: "The next command on the domain records it.",
  });
}
