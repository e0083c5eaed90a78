import { EventEmitter } from "eventemitter3";
import { diffAsOf, foldedOnce, positionAtTime, statesAsOf, storedAt } from "./as-of.ts";
import { bisect } from "./bisect.ts";
import { checkpointFiles, readDirectory, readDomainState } from "./checkpoints.ts";
import { handle } from "./commands/handle.ts";
import { fileLocks } from "./commands/locks.ts";
import type { Stage } from "./commands/stage.ts";
import { driverFor } from "./drivers/index.ts";
import { backupLog } from "./events/backup.ts";
import { verifyStore } from "./events/examine.ts";
import { knownHeadFiles } from "./events/known-heads.ts";
import { damaged } from "./events/level-errors.ts";
import type { EventLog, StoredRecord } from "./events/log.ts";
import { provenAccess } from "./events/proven-access.ts";
import { initStore, openStore, storeLayout } from "./events/store.ts";
import { verifyLog } from "./events/verify.ts";
import type { Caller, Connection, ConnectionOptions, Outcome } from "./face.ts";
import type { Directory } from "./projections/directory.ts";
import { knownDomains } from "./projections/directory.ts";
import type { DomainState } from "./projections/state.ts";
import { domainInfo, listSnapshots, namedSnapshot, snapshotInfo } from "./projections/views.ts";
import { acceptRollback, actorOf, clock, defaultWaitMs, filesVerdict, newId } from "./upkeep.ts";
import { readInChunks } from "./read.ts";
import { verifyReplay } from "./verify-replay.ts";
import { logStamp, watchLog } from "./watch.ts";

/** Makes a store and opens it. STORE_EXISTS, STORE_UNSAFE. */
export async function init(folder: string, caller: Caller): Promise<Connection> {
  await initStore(folder, { clock, newId, actor: actorOf(caller) });
  return connect({ store: folder });
}

/** Opens a store that `init` made. STORE_NOT_FOUND, STORE_UNSAFE; LOG_DAMAGED at the first use. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { store, waitMs = defaultWaitMs, hold = false, knownHeads, verb } = options;
  const known = knownHeads === undefined ? undefined : knownHeadFiles(knownHeads, store);
  const log = await openStore(store, { clock, newId, waitMs, hold, verb, knownHeads: known });
  const layout = storeLayout(store);
  const checkpoints = checkpointFiles(layout.checkpoints);
  const directory = (open: EventLog) => readDirectory(open, checkpoints);
  const doorbell = new EventEmitter<{ grown: [] }>();
  const stage: Stage = {
    ...{ log, clock, newId, waitMs, driver: driverFor, layersRoot: layout.layers },
    states: {
      async domain(open, id, at) {
        const state = await readDomainState(open, id, checkpoints, at);
        if (at?.upTo === undefined) checkWhole(state, await directory(open));
        return state;
      },
      directory,
    },
    locks: fileLocks(layout.run, { clock }),
    // In a task of its own: a listener that throws must never reach the append that rang.
    doorbell: () => setImmediate(() => doorbell.emit("grown")),
  };
  return connectionOn(stage, options, doorbell);
}

/** The domain's index is one way to its records, the directory another: each tells what the other has lost. */
function checkWhole({ id, revision, position }: DomainState, { domains }: Directory): void {
  const listed = domains.get(id)?.revision ?? 0;
  if (revision === listed) return;
  throw damaged(
    position + 1,
    `revision ${revision + 1} of domain ${id} is not found by its index, but ${listed} is there`,
  );
}

/** The face of a stage, whatever log and drivers it stands on. */
export function connectionOn(
  stage: Stage,
  options: ConnectionOptions,
  doorbell: EventEmitter<{ grown: [] }>,
): Connection {
  const { store, waitMs = defaultWaitMs, hold = false, onDamage } = options;
  const { states } = stage;
  const log = onDamage ? provenAccess(stage.log, store, { waitMs, onDamage }) : stage.log;
  const reading: Stage = { ...stage, log };
  const head = () => log.use((open) => open.head());
  const stateNamed = foldedOnce(reading);
  return {
    store,
    execute: (command, caller, request) => handle(stage, command, caller, request),
    async recover(caller, request) {
      const ids = await log.use(async (open) => knownDomains(await states.directory(open)));
      const outcomes: Outcome[] = [];
      for (const domain of ids) outcomes.push(await handle(stage, { type: "RecoverDomain", domain }, caller, request));
      return outcomes;
    },
    domains: async (asOf) => (await statesAsOf(reading, asOf)).map(domainInfo),
    domain: async (domain, asOf) => domainInfo(await stateNamed(domain, asOf)),
    snapshots: async (domain, filter, asOf) => listSnapshots(await stateNamed(domain, asOf), filter),
    async snapshot(domain, name, asOf) {
      const state = await stateNamed(domain, asOf);
      return snapshotInfo(state, namedSnapshot(state, name));
    },
    names: () => log.use(async (open) => (await states.directory(open)).names),
    diff: (from, to, domain) => diffAsOf(stage, from, to, domain),
    bisect: (domain, condition, until) => bisect(stage, domain, condition, until),
    positionAt: (time) => log.use((open) => positionAtTime(open, time)),
    read: (range) => readInChunks(reading, range),
    record: (position) => recordAt(reading, position),
    head,
    // Who holds the database is the only one who may look at it.
    verify: (how) => (hold ? stage.log.use((open) => verifyLog(open, how)) : verifyStore(store, { ...how, waitMs })),
    verifyReplay: () => verifyReplay(reading),
    verifyFiles: () => filesVerdict(stage),
    backup: (file, onProgress) =>
      backupLog(stage.log, (to) => readInChunks(stage, { to }), file, { clock, onProgress }),
    acceptRollback: (caller, request) => acceptRollback(stage, caller, request),
    watch: (from, signal) =>
      watchLog({
        ...{ from, signal, doorbell, position: async () => (await head()).position },
        stamp: () => logStamp(storeLayout(store).log),
      }),
    close: () => log.close(),
  };
}

async function recordAt({ log }: Stage, position: number): Promise<StoredRecord> {
  return log.use((open) => storedAt(open, position));
}
