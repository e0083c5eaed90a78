/**
 * A nightly job: one snapshot per domain, and automatic ones of the same job merged away once there are more than
 * `keep`, oldest first. Run it again after a crash with the same date and nothing is done twice.
 *
 *     npx tsx examples/nightly.ts STORE 2026-11-24 7
 */
import { fileURLToPath } from "node:url";
import { connect, isSnapledgerError } from "../src/index.ts";
import type { Caller, Connection, SnapshotInfo } from "../src/index.ts";

const prefix = "nightly-";

export async function nightly(connection: Connection, caller: Caller, date: string, keep: number): Promise<string[]> {
  const done: string[] = [];
  for (const domain of await connection.domains()) {
    const name = `${prefix}${date}`;
    const command = {
      ...({ type: "CreateSnapshot", domain: domain.id, name, description: `Nightly of ${date}` } as const),
      ...{ compression: null, offline: true, diskOnly: false },
    };
    // The command id is what makes a second run harmless: it gets the first run's result.
    const request = { reason: "nightly job", commandId: `nightly ${date} ${domain.id}` };
    const { repeated } = await connection.execute(command, caller, request);
    done.push(`${domain.name}: ${name}${repeated ? " (was there already)" : ""}`);
    done.push(...(await thinOut(connection, caller, domain.id, keep)));
  }
  return done;
}

/** Merges the oldest nightly that stands on another into it, until no more than `keep` are left. */
async function thinOut(connection: Connection, caller: Caller, domain: string, keep: number): Promise<string[]> {
  const done: string[] = [];
  for (;;) {
    const nightlies = (await connection.snapshots(domain, { topological: true })).filter(isNightly);
    const second = nightlies.find(({ parent }) => parent?.name.startsWith(prefix));
    if (nightlies.length <= keep || !second) return done;
    try {
      await connection.execute(
        { type: "MergeSnapshot", domain, snapshot: second.name, force: false, discardChanges: false },
        caller,
        { reason: `nightly job keeps ${keep}` },
      );
      done.push(`merged ${second.name} into ${second.parent?.name ?? "its parent"}`);
    } catch (error) {
      // Somebody branched off there: their work is worth more than a tidy list.
      if (!isSnapledgerError(error, "MERGE_WOULD_ORPHAN")) throw error;
      return [...done, `kept ${second.name}: ${error.message}`];
    }
  }
}

function isNightly({ name }: SnapshotInfo): boolean {
  return name.startsWith(prefix);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , store, date, keep = "7"] = process.argv;
  if (store === undefined || date === undefined) throw new Error("usage: nightly STORE DATE [KEEP]");
  const uid = process.getuid?.() ?? null;
  const caller: Caller = {
    ...{ user: "nightly", uid, loginUid: null, sudoUser: null, host: "localhost" },
    ...{ via: "library", knownBy: "claimed", pid: process.pid },
  };
  const connection = await connect({ store });
  for (const line of await nightly(connection, caller, date, Number(keep))) console.log(line);
  await connection.close();
}
