import { EventEmitter } from "eventemitter3";
import { diffAsOf, foldedOnce, positionAtTime, statesAsOf, storedAt, summariesAsOf } from "../queries/at-position.ts";
import {
  cachedStateFiles,
  keptDirectory,
  keptFiles,
  readDomainState,
  unlessLeft,
} from "../queries/cache/cached-states.ts";
import type { CommandContext } from "../commands/context.ts";
import type { Command } from "../events/command.ts";
import { knownHeadFiles } from "../store/known-heads.ts";
import { provenAccess } from "../store/repair/read-damaged.ts";
import { readableCopy, type ReadableCopy } from "../store/repair/read-copy.ts";
import { initStore, openStore, storeLayout } from "../store/store.ts";
import type { Caller, Connection, ConnectionOptions, Request } from "./api.ts";
import { actorOf, clock, defaultWaitMs, newId } from "./environment.ts";
import { knownDomains } from "../projections/directory.ts";
import { domainInfo, listSnapshots, namedSnapshot, snapshotInfo } from "../projections/views/views.ts";
import { idEver, readInChunks } from "../queries/records.ts";
import { sessionAccess, sessionStates } from "../queries/cache/session-cache.ts";
import type { SessionCache } from "../queries/cache/session-cache.ts";
import { readWhole } from "../queries/cache/whole.ts";
import { logStamp, watchLog } from "../queries/watch.ts";

/** Makes a store and opens it. STORE_EXISTS, STORE_UNSAFE; USAGE. */
export async function init(folder: string, caller: Caller): Promise<Connection> {
  const { parseCaller } = await validation();
  await initStore(folder, { clock, newId, actor: actorOf(parseCaller(caller)) });
  const { makeKey } = await import("../evidence/key.ts");
  // The store is there by now: where this could not be made, the first checkpoint makes it.
  await makeKey(storeLayout(folder).key).catch(() => undefined);
  return connect({ store: folder });
}

/** Of our own command line, whose lines are connections of their own. */
export interface SessionOptions extends ConnectionOptions {
  /** Kept from one connection to the next by a process that asks the same store again and again. Default: nothing is. */
  readonly session?: SessionCache | undefined;
}

/** Opens a store that `init` made. STORE_NOT_FOUND, STORE_UNSAFE; LOG_DAMAGED at the first use. */
export async function connect(options: SessionOptions): Promise<Connection> {
  const { store, waitMs = defaultWaitMs, hold = false, knownHeads, verb, onUnwritable } = options;
  const known = knownHeads === undefined ? undefined : knownHeadFiles(knownHeads, store);
  const log = await openStore(store, { clock, newId, waitMs, hold, verb, knownHeads: known });
  const layout = storeLayout(store);
  const copy = onUnwritable && readableCopy(store, { waitMs, onUnwritable });
  const cache = unlessLeft(cachedStateFiles(layout.checkpoints), () => copy?.isRead === true);
  const directory = keptDirectory(cache);
  const appends = new EventEmitter<{ appended: [] }>();
  const context: ConnectionContext = {
    ...{ log, clock, newId, waitMs, layersRoot: layout.layers },
    states: {
      async domain(open, id, at) {
        if (at?.upTo !== undefined) return readDomainState(open, id, cache, at);
        return readWhole(await directory(open), id, () => readDomainState(open, id, cache));
      },
      directory,
      files: keptFiles(cache),
    },
    // In a task of its own: a listener that throws must never reach the append.
    appended: () => setImmediate(() => appends.emit("appended")),
  };
  const changing = once(async (): Promise<CommandContext> => {
    const { driverFor, fileLocks, statePool } = await parts();
    // Where others may write meanwhile, each state is proven against the directory.
    const pool = hold ? statePool() : undefined;
    return { ...context, pool, driver: (name) => driverFor(name, layout.run), locks: fileLocks(layout.run, { clock }) };
  });
  return connectionOn(context, changing, options, appends, copy);
}

/** Runs `work` the first time; later calls get what came of it. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}

const parts = once(() => import("./changing.ts"));
const validation = once(() => import("../commands/validate.ts"));

/** What a connection is made on: drivers and locks are loaded when something changes. */
export type ConnectionContext = Omit<CommandContext, "driver" | "locks">;

/**
 * The log and the states that questions are answered from: those of a damaged store, of a copy where its disk can't be
 * written to, or as the session knows them.
 */
function readingOf(
  { log, states }: ConnectionContext,
  options: SessionOptions,
  copy: ReadableCopy | undefined,
): Pick<ConnectionContext, "log" | "states"> {
  const { store, waitMs = defaultWaitMs, onDamage, session } = options;
  const opened = session ? sessionAccess(log, store, session) : log;
  const access = copy?.over(opened) ?? opened;
  return {
    log: onDamage ? provenAccess(access, store, { waitMs, onDamage }) : access,
    states: session ? sessionStates(states, session) : states,
  };
}

/** Seldom needed, and what it needs takes time to load. */
const upkeep = () => import("./maintenance.ts");
const auditing = () => import("../queries/auditing.ts");

/** The API of a log, whatever it and its drivers are. */
export function connectionOn(
  context: ConnectionContext,
  changing: () => Promise<CommandContext>,
  options: SessionOptions,
  appends: EventEmitter<{ appended: [] }>,
  copy?: ReadableCopy,
): Connection {
  const { store } = options;
  const { log, states } = readingOf(context, options, copy);
  const reading: ConnectionContext = { ...context, log, states };
  /** Whole, or not at all: never what is proven of a damaged log. */
  const whole: ConnectionContext = { ...context, log: copy?.over(context.log) ?? context.log };
  const run = async (command: Command, caller: Caller, request: Request) => {
    const { handle } = await parts();
    return handle(await changing(), command, caller, request);
  };
  const { key: keyPath, checkpoints } = storeLayout(store);
  const isLeft = () => copy?.isRead === true;
  const proving = async (from = context.log) =>
    (await import("./evidence.ts")).provingOn({ log: from, keyPath, checkpoints, isLeft });
  const head = () => log.use((open) => open.head());
  const stateNamed = foldedOnce(reading);
  return {
    store,
    async execute(command, caller, request) {
      const { parseCaller, parseCommand, parseRequest } = await validation();
      return run(parseCommand(command), parseCaller(caller), parseRequest(request));
    },
    publicKey: async (how) => (await proving(whole.log)).publicKey(how),
    checkpoint: async (how) => (await proving()).checkpoint(how),
    prove: async (position, how) => (await proving()).prove(position, how),
    proveConsistent: async (old, now, how) => (await proving()).proveConsistent(old, now, how),
    verifyCheckpoint: async (note, how) => (await proving(whole.log)).verifyCheckpoint(note, how),
    async exportEvidence(domain, file, evidence, caller, request) {
      const { parseCaller, parseRequest } = await validation();
      const { parseEvidenceRequest } = await import("./validate.ts");
      const period = parseEvidenceRequest(domain, file, evidence);
      const by = [parseCaller(caller), parseRequest(request)] as const;
      const id = await idEver(context, domain);
      return (await proving()).exportEvidence(await changing(), id, file, period, ...by);
    },
    async recover(caller, request) {
      const { parseCaller, parseRequest } = await validation();
      const by = [parseCaller(caller), parseRequest(request)] as const;
      const { recoverAll } = await parts();
      const domains = await log.use(async (open) => {
        const directory = await states.directory(open);
        return knownDomains(directory).map((id) => ({ id, name: directory.domains.get(id)?.name ?? id }));
      });
      return recoverAll(domains, ({ id }) => run({ type: "RecoverDomain", domain: id }, ...by));
    },
    domains: async (asOf) => (await statesAsOf(reading, asOf)).map(domainInfo),
    summaries: (asOf) => summariesAsOf(reading, asOf),
    domain: async (domain, asOf) => domainInfo(await stateNamed(domain, asOf)),
    async guestState(domain) {
      const { adopt } = await parts();
      const state = await stateNamed(domain);
      const driver = (await changing()).driver(state.driver);
      await adopt(driver, state);
      return driver.guestState(state.id);
    },
    snapshots: async (domain, filter, asOf) => listSnapshots(await stateNamed(domain, asOf), filter),
    async snapshot(domain, name, asOf) {
      const state = await stateNamed(domain, asOf);
      return snapshotInfo(state, namedSnapshot(state, name));
    },
    names: () => log.use(async (open) => [...(await states.directory(open)).names]),
    diff: (from, to, domain) => diffAsOf(reading, from, to, domain),
    bisect: async (domain, condition, until) => (await auditing()).bisect(reading, domain, condition, until),
    positionAt: (time) => log.use((open) => positionAtTime(open, time)),
    read: (range) => readInChunks(reading, range),
    record: (position) => log.use((open) => storedAt(open, position)),
    head,
    verify: async (how) => (await upkeep()).verify(context, options, how),
    verifyReplay: async () => (await auditing()).verifyReplay(reading),
    verifyFiles: async () => (await upkeep()).filesVerdict({ ...(await changing()), log: whole.log }),
    backup: async (file, onProgress) =>
      (await upkeep()).backup(whole, (to) => readInChunks(whole, { to }), file, onProgress),
    acceptRollback: async (caller, request) => (await upkeep()).acceptRollback(context, caller, request),
    watch: (from, signal) =>
      watchLog({
        ...{ from, signal, appends, position: async () => (await head()).position },
        stamp: () => logStamp(storeLayout(store).log),
      }),
    async close() {
      await log.close();
      await copy?.close();
    },
  };
}
