import { isSnapledgerError } from "../../src/errors.ts";
import type { Command } from "../../src/events/command.ts";
import type { Caller, Connection } from "../../src/connection/api.ts";
import { deactivation, snapshotting, starting } from "./commands.ts";

/** The history of the stores that are harmed: two domains, on guests that are simulated. */

export const caller: Caller = {
  ...{ user: "ana", uid: 1000, loginUid: 1000, sudoUser: null, host: "hv1", via: "library" },
  ...{ knownBy: "claimed", pid: process.pid },
};

/** For logs that are only read. */
export const parts = { clock: () => 0, newId: () => "" };

export const domains = ["web", "db"] as const;
const uuids = { web: "0f0e0d0c-0b0a-4908-8706-050403020101", db: "0f0e0d0c-0b0a-4908-8706-050403020102" };

export interface Deeds {
  /** Per domain and stage. */
  readonly snapshots: number;
  /** Commands that a rule refuses, per domain and stage: one record each. */
  readonly refusals: number;
}

function define(name: "web" | "db"): Command {
  const disks = [{ target: "vda", path: `/nowhere/${name}.qcow2`, format: "qcow2" }] as const;
  return {
    ...{ type: "DefineDomain", uuid: uuids[name], name, driver: "memory", disks },
    ...{ memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null },
  };
}

/** The command that has the id of `first`, to ask for again. */
export const first = { command: snapshotting("web", "s0-0"), commandId: "snapshot web s0-0" };

export async function perform(connection: Connection, { snapshots, refusals }: Deeds, stage: number): Promise<void> {
  for (const domain of domains) {
    const ask = async (command: Command, commandId: string): Promise<void> => {
      await connection.execute(command, caller, { commandId, reason: "to be harmed" });
    };
    if (stage === 0) await ask(define(domain), `define ${domain}`);
    for (let n = 0; n < snapshots; n++)
      await ask(snapshotting(domain, `s${stage}-${n}`), `snapshot ${domain} s${stage}-${n}`);
    await ask(deactivation("MergeSnapshot", domain, `s${stage}-2`, { force: true }), `merge ${domain} ${stage}`);
    await ask(starting(domain, `s${stage}-0`), `start ${domain} ${stage}`);
    await ask(deactivation("DiscardSnapshot", domain, `s${stage}-3`, { force: true }), `discard ${domain} ${stage}`);
    for (let n = 0; n < refusals; n++) await refused(connection, snapshotting(domain, `s${stage}-0`));
  }
}

async function refused(connection: Connection, command: Command): Promise<void> {
  await connection.execute(command, caller).then(
    () => Promise.reject(new Error("it was to be refused")),
    (error: unknown) => {
      if (!isSnapledgerError(error, "SNAPSHOT_EXISTS")) throw error;
    },
  );
}
