import { EventEmitter } from "eventemitter3";
import { checkpointFiles, readDirectory, readDomainState, type Checkpoints } from "./checkpoints.ts";
import type { Stage } from "./commands/stage.ts";
import { SnapledgerError } from "./errors.ts";
import { knownHeadFiles } from "./events/known-heads.ts";
import { damaged } from "./events/level-errors.ts";
import type { EventLog, StoredRecord } from "./events/log.ts";
import { provenAccess } from "./events/proven-access.ts";
import { initStore, openStore, storeLayout } from "./events/store.ts";
import type { Caller, Connection, ConnectionOptions, Outcome } from "./face.ts";
import { actorOf, clock, defaultWaitMs, newId } from "./outside.ts";
import type { Directory } from "./projections/directory.ts";
import { definedDomains, domainIdOf, knownDomains } from "./projections/directory.ts";
import type { DomainState } from "./projections/state.ts";
import { domainInfo, listSnapshots, namedSnapshot, snapshotInfo } from "./projections/views.ts";
import { watchLog } from "./watch.ts";

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
  const directory = readOnce(checkpoints);
  const doorbell = new EventEmitter<{ grown: [] }>();
  const stage: Base = {
    ...{ log, clock, newId, waitMs, layersRoot: layout.layers },
    states: {
      async domain(open, id) {
        const state = await readDomainState(open, id, checkpoints);
        checkWhole(state, await directory(open));
        return state;
      },
      directory,
    },
    // In a task of its own: a listener that throws must never reach the append that rang.
    doorbell: () => setImmediate(() => doorbell.emit("grown")),
  };
  const changing = async (): Promise<Stage> => {
    const { driverFor, fileLocks } = await import("./changing.ts");
    return { ...stage, driver: (name) => driverFor(name, layout.run), locks: fileLocks(layout.run, { clock }) };
  };
  return connectionOn(stage, changing, options, doorbell);
}

/** The directory of a log, read again only when that has grown. */
function readOnce(checkpoints: Checkpoints): (open: EventLog) => Promise<Directory> {
  const read = new WeakMap<EventLog, Directory>();
  return async (open) => {
    const { position } = await open.head();
    const known = read.get(open);
    if (known?.position === position) return known;
    const directory = await readDirectory(open, checkpoints);
    read.set(open, directory);
    return directory;
  };
}

/** What reading needs of the stage. */
type Base = Omit<Stage, "driver" | "locks">;

/** The domain's index is one way to its records, the directory another: each tells what the other has lost. */
function checkWhole({ id, revision, position }: DomainState, { domains }: Directory): void {
  const listed = domains.get(id)?.revision ?? 0;
  if (revision === listed) return;
  throw damaged(
    position + 1,
    `revision ${revision + 1} of domain ${id} is not found by its index, but ${listed} is there`,
  );
}

/** Seldom needed, and what it needs takes time to load. */
const upkeep = () => import("./upkeep.ts");

function connectionOn(
  stage: Base,
  changing: () => Promise<Stage>,
  options: ConnectionOptions,
  doorbell: EventEmitter<{ grown: [] }>,
): Connection {
  const { store, waitMs = defaultWaitMs, onDamage } = options;
  const { states } = stage;
  const log = onDamage ? provenAccess(stage.log, store, { waitMs, onDamage }) : stage.log;
  const reading: Base = { ...stage, log };
  const execute: Connection["execute"] = async (command, caller, request) => {
    const { handle } = await import("./changing.ts");
    return handle(await changing(), command, caller, request);
  };
  const head = () => log.use((open) => open.head());
  const stateNamed = foldedOnce(reading);
  return {
    store,
    execute,
    async recover(caller, request) {
      const ids = await log.use(async (open) => knownDomains(await states.directory(open)));
      const outcomes: Outcome[] = [];
      for (const domain of ids) outcomes.push(await execute({ type: "RecoverDomain", domain }, caller, request));
      return outcomes;
    },
    domains: () =>
      log.use(async (open) => {
        const infos = [];
        for (const id of definedDomains(await states.directory(open))) infos.push(await states.domain(open, id));
        return infos.map(domainInfo);
      }),
    domain: async (domain) => domainInfo(await stateNamed(domain)),
    async guestState(domain) {
      const { adoptedDomain } = await import("./changing.ts");
      const state = await stateNamed(domain);
      const driver = (await changing()).driver(state.driver);
      await driver.adopt(adoptedDomain(state));
      return driver.guestState(state.id);
    },
    snapshots: async (domain, filter) => listSnapshots(await stateNamed(domain), filter),
    async snapshot(domain, name) {
      const state = await stateNamed(domain);
      return snapshotInfo(state, namedSnapshot(state, name));
    },
    read: (range) => readInChunks(reading, range),
    record: (position) => recordAt(reading, position),
    head,
    verify: async (how) => (await upkeep()).verify(stage, options, how),
    verifyFiles: async () => (await upkeep()).filesVerdict(await changing()),
    backup: async (file, onProgress) =>
      (await upkeep()).backup(stage, (to) => readInChunks(stage, { to }), file, onProgress),
    acceptRollback: async (caller, request) => (await upkeep()).acceptRollback(stage, caller, request),
    watch: (from, signal) => watchLog({ from, signal, doorbell, position: async () => (await head()).position }),
    close: () => log.close(),
  };
}

/** A domain's state by name or uuid. Queries that come together find it folded by the first of them; they only read. */
function foldedOnce({ log, states }: Base): (domain: string) => Promise<DomainState> {
  const opened = new WeakMap<EventLog, { position: number; folded: Map<string, Promise<DomainState>> }>();
  return (domain) =>
    log.use(async (open) => {
      const { position } = await open.head();
      const before = opened.get(open);
      const { folded } = before?.position === position ? before : { folded: new Map<string, Promise<DomainState>>() };
      opened.set(open, { position, folded });
      const state =
        folded.get(domain) ??
        states.directory(open).then((directory) => states.domain(open, idNamed(directory, domain)));
      folded.set(domain, state);
      return state;
    });
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
  stage: Base,
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

async function recordAt({ log }: Base, position: number): Promise<StoredRecord> {
  return log.use(async (open) => {
    for await (const stored of open.read({ from: position, to: position + 1 })) return stored;
    const head = await open.head();
    throw new SnapledgerError("POSITION_NOT_FOUND", `There is no position ${position} in this log.`, {
      facts: { position, head: head.position },
      hint: `It holds positions 1 to ${head.position}.`,
    });
  });
}
