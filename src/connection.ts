import { randomBytes } from "node:crypto";
import { EventEmitter } from "eventemitter3";
import { checkpointFiles, readDirectory, readDomainState } from "./checkpoints.ts";
import { handle } from "./commands/handle.ts";
import { fileLocks } from "./commands/locks.ts";
import type { Stage } from "./commands/stage.ts";
import { driverFor } from "./drivers/index.ts";
import { SnapledgerError } from "./errors.ts";
import { uuidv7 } from "./events/ids.ts";
import type { EventLog, StoredRecord } from "./events/log.ts";
import { initStore, openStore, storeLayout } from "./events/store.ts";
import { verifyLog } from "./events/verify.ts";
import type { Caller, Connection, ConnectionOptions, Outcome } from "./face.ts";
import type { Directory } from "./projections/directory.ts";
import { definedDomains, domainIdOf, knownDomains } from "./projections/directory.ts";
import type { DomainState } from "./projections/state.ts";
import { domainInfo, listSnapshots, namedSnapshot, snapshotInfo } from "./projections/views.ts";
import { watchLog } from "./watch.ts";

const clock = () => Date.now();
const newId = uuidv7(clock, (bytes) => new Uint8Array(randomBytes(bytes)));

/** Makes a store, which nothing else does, and opens it. STORE_EXISTS, STORE_UNSAFE. */
export async function init(folder: string, caller: Caller): Promise<Connection> {
  const { user, uid, loginUid, sudoUser, host, via, knownBy } = caller;
  await initStore(folder, { clock, newId, actor: { user, uid, loginUid, sudoUser, host, via, knownBy } });
  return connect({ store: folder });
}

/** Opens a store that `init` made. STORE_NOT_FOUND, STORE_UNSAFE; LOG_DAMAGED at the first use. */
export async function connect({ store, waitMs = 5000, hold = false }: ConnectionOptions): Promise<Connection> {
  const log = await openStore(store, { clock, newId, waitMs, hold });
  const layout = storeLayout(store);
  const checkpoints = checkpointFiles(layout.checkpoints);
  const doorbell = new EventEmitter<{ grown: [] }>();
  const stage: Stage = {
    ...{ log, clock, newId, waitMs, driver: driverFor, layersRoot: layout.layers },
    states: {
      domain: (open, id) => readDomainState(open, id, checkpoints),
      directory: (open) => readDirectory(open, checkpoints),
    },
    locks: fileLocks(layout.run, { clock }),
    // In a task of its own: a listener that throws must never reach the append that rang.
    doorbell: () => setImmediate(() => doorbell.emit("grown")),
  };
  return connectionOn(stage, store, doorbell);
}

function connectionOn(stage: Stage, store: string, doorbell: EventEmitter<{ grown: [] }>): Connection {
  const { log, states } = stage;
  const head = () => log.use((open) => open.head());
  return {
    store,
    execute: (command, caller, request) => handle(stage, command, caller, request),
    async recover(caller, request) {
      const ids = await log.use(async (open) => knownDomains(await states.directory(open)));
      const outcomes: Outcome[] = [];
      for (const domain of ids) outcomes.push(await handle(stage, { type: "RecoverDomain", domain }, caller, request));
      return outcomes;
    },
    domains: () =>
      log.use(async (open) => {
        const infos = [];
        for (const id of definedDomains(await states.directory(open))) infos.push(await states.domain(open, id));
        return infos.map(domainInfo);
      }),
    domain: async (domain) => domainInfo(await stateNamed(stage, domain)),
    snapshots: async (domain, filter) => listSnapshots(await stateNamed(stage, domain), filter),
    async snapshot(domain, name) {
      const state = await stateNamed(stage, domain);
      return snapshotInfo(state, namedSnapshot(state, name));
    },
    read: (range) => readInChunks(stage, range),
    record: (position) => recordAt(stage, position),
    head,
    verify: (options) => log.use((open) => verifyLog(open, options)),
    watch: (from, signal) => watchLog({ from, signal, doorbell, position: async () => (await head()).position }),
    close: () => log.close(),
  };
}

async function stateNamed({ log, states }: Stage, domain: string): Promise<DomainState> {
  return log.use(async (open) => states.domain(open, idNamed(await states.directory(open), domain)));
}

function idNamed(directory: Directory, domain: string): string {
  const id = domainIdOf(directory, domain);
  if (id !== undefined) return id;
  throw new SnapledgerError("DOMAIN_NOT_FOUND", `There is no domain "${domain}".`, {
    facts: { domain },
    hint: "See 'snapledger list'.",
  });
}

/** How many records are read at one opening: the log is never held while the reader is busy with them. */
const chunkRecords = 5000;

async function* readInChunks(
  stage: Stage,
  { from = 1, to, domain }: { from?: number; to?: number; domain?: string } = {},
): AsyncIterable<StoredRecord> {
  const { log, states } = stage;
  const head = await log.use((open) => open.head());
  const end = Math.min(to ?? Infinity, head.position + 1);
  const id =
    domain === undefined
      ? undefined
      : await log.use(async (open) => idEver(open, await states.directory(open), domain));
  let next = id === undefined ? from : 1;
  for (;;) {
    const chunk = await log.use((open) => readChunk(open, id, next, end));
    for (const stored of chunk) if (stored.record.position >= from) yield stored;
    const last = chunk.at(-1)?.record;
    if (!last || chunk.length < chunkRecords) return;
    next = (id === undefined ? last.position : (last.revision ?? 0)) + 1;
  }
}

/** A domain by name or uuid; by uuid also one that is not defined any more. */
async function idEver(log: EventLog, directory: Directory, domain: string): Promise<string> {
  const id = domainIdOf(directory, domain);
  return id ?? ((await log.revision(domain)) > 0 ? domain : idNamed(directory, domain));
}

async function readChunk(log: EventLog, id: string | undefined, next: number, end: number): Promise<StoredRecord[]> {
  const chunk: StoredRecord[] = [];
  const records =
    id === undefined ? log.read({ from: next, to: end }) : log.readDomain(id, { fromRevision: next, upTo: end - 1 });
  for await (const stored of records) {
    chunk.push(stored);
    if (chunk.length === chunkRecords) break;
  }
  return chunk;
}

async function recordAt({ log }: Stage, position: number): Promise<StoredRecord> {
  return log.use(async (open) => {
    for await (const stored of open.read({ from: position, to: position + 1 })) return stored;
    const head = await open.head();
    throw new SnapledgerError("POSITION_NOT_FOUND", `There is no position ${position} in this log.`, {
      facts: { position, head: head.position },
      hint: `It holds positions 1 to ${head.position}.`,
    });
  });
}
