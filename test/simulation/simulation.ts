import { nothingCached, readDirectory, readDomainState, readFiles } from "../../src/queries/cache/cached-states.ts";
import type { CachedStates } from "../../src/queries/cache/cache.ts";
import { handle } from "../../src/commands/handle.ts";
import type { DomainLock, Locks } from "../../src/store/lock/domain-lock.ts";
import type { CommandContext } from "../../src/commands/context.ts";
import { crashable, withFaults } from "../support/faults.ts";
import { memoryDriver, World } from "../../src/drivers/memory/index.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { isSnapledgerError, SnapledgerError } from "../../src/errors.ts";
import type { Command } from "../../src/events/command.ts";
import type { EventRecord } from "../../src/events/events.ts";
import { uuidv7 } from "../../src/events/ids.ts";
import type { EventLog } from "../../src/events/log.ts";
import { parseRecord } from "../../src/events/seal.ts";
import type { Caller, Outcome, Request } from "../../src/connection/api.ts";
import {
  parseDirectory,
  parseDomain,
  parseFileDirectory,
  writeDirectory,
  writeDomain,
  writeFileDirectory,
} from "../../src/projections/serialize.ts";
import { applyDirectory, emptyDirectory } from "../../src/projections/directory.ts";
import { applyFileDirectory, emptyFileDirectory } from "../../src/projections/file-directory.ts";
import { apply } from "../../src/projections/domain.ts";
import { explain } from "../../src/projections/explain/explain.ts";
import { layerOf, pendingFolds, reachable } from "../../src/projections/layers.ts";
import { emptyState } from "../../src/projections/state.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { Random } from "../support/random.ts";
import { told as commandTold } from "../support/commands.ts";
import { baseImage, chainOf, fileOf, makeBases } from "./bases.ts";
import type { RunProfile } from "./run-profile.ts";
import { decides, isHousekeeping } from "./command-in-flight.ts";
import type { CommandInFlight, OperationTrace } from "./command-in-flight.ts";
import { Expected } from "./expected.ts";
import type { ExpectedDomain, Reality } from "./expected.ts";
import type { Failpoints } from "./failpoints.ts";
import { sectorsIn } from "./files.ts";
import { basesDiffer, memoriesDiffer, tokenOf, unreadable, unsettled } from "./oracle.ts";
import type { TargetFailpoint } from "./target-failpoint.ts";
import { Manager, noFaults } from "./manager.ts";
import type { FaultRates } from "./manager.ts";
import { DiskStore } from "./disk-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { Scheduler } from "./scheduler.ts";
import type { SimulatedStore, StoreParts } from "./store.ts";

export interface SimulationParts {
  readonly seed: number;
  readonly profile: RunProfile;
  readonly targetFailpoint: TargetFailpoint | undefined;
  readonly drawn: Random;
  readonly failpoints: Failpoints;
  /** Every step is told. */
  readonly verbose: boolean;
}

/** One machine, its disks, its log, and everybody who works on it; and beside them what must be true of all that. */
export class Simulation implements Reality {
  readonly drawn: Random;
  profile: RunProfile;
  /** The failpoint that the run is steered to. */
  readonly targetFailpoint: TargetFailpoint | undefined;
  readonly scheduler: Scheduler;
  readonly world = new World();
  readonly failpoints: Failpoints;
  readonly expected: Expected;
  readonly store: SimulatedStore;
  /** The state of each domain, kept up record by record. */
  readonly states = new Map<string, DomainState>();
  readonly directory = emptyDirectory();
  readonly fileDirectory = emptyFileDirectory();
  readonly records: EventRecord[] = [];
  readonly operations = new Map<string, OperationTrace>();
  readonly underWay = new Set<CommandInFlight>();
  /** What was asked for with a command id, to be asked for again. */
  readonly given: (readonly [Command, Request])[] = [];
  /** Positions whose writers were told that they are there. */
  acknowledged = 0;
  readonly wrong: string[] = [];
  readonly steps: string[] = [];
  readonly counts = { commands: 0, crashes: 0, faults: 0, restarts: 0, refusals: 0 };
  /** A write failed: nothing can be appended until the log is opened anew. */
  broken = false;
  /** The disk may be full, or a file held by somebody else. */
  harsh = false;
  /** A frozen file that somebody wrote to: nobody may build on it, nor fold it. */
  tampered: string | null = null;
  /** How to let go of files that foreign processes hold. */
  readonly foreign: (() => void)[] = [];
  /** Guests that stand still while they are moved: what they hold is of one instant. */
  readonly still = new Set<string>();
  /** Draws what is not to change anything else of the run. */
  readonly #strange: Random;
  readonly #verbose: boolean;
  readonly #waitingForEnds: (() => void)[] = [];
  readonly #locks = new Map<string, CommandInFlight>();
  readonly #usedIds = new Map<
    string,
    { commandsInFlight: CommandInFlight[]; first: { record: EventRecord; inFlight: CommandInFlight } | null }
  >();
  readonly #checkpoints = new Map<string, string>();
  readonly #overtaking = new Set<string>();
  /** What the domain that was last undefined had referred to. */
  #needed: ReadonlySet<string> = new Set();
  /** Disks whose base image lacked content that was merged into it, by the state before the record. */
  #unfolded: readonly string[] = [];
  #now = Date.UTC(2026, 0, 1);
  #random = 0;

  constructor({ seed, profile, targetFailpoint, drawn, failpoints, verbose }: SimulationParts) {
    this.drawn = drawn;
    this.profile = profile;
    this.targetFailpoint = targetFailpoint;
    this.failpoints = failpoints;
    this.#strange = new Random(2 ** 31 + seed);
    this.#verbose = verbose;
    this.scheduler = new Scheduler(drawn);
    this.expected = new Expected(makeBases(this.world), this);
    this.store = this.#storeOf(profile);
    this.tell(() => `seed ${seed}: ${targetFailpoint ? `to ${targetFailpoint.name}, ` : ""}${JSON.stringify(profile)}`);
  }

  #storeOf({ store }: RunProfile): SimulatedStore {
    const parts: StoreParts = {
      ...{ clock: this.clock, newId: this.newId, logId: this.newId() },
      beforeWrite: () => this.#beforeWrite(),
      written: (records) => this.#written(records),
    };
    return store === "disk" ? new DiskStore(parts, this.drawn) : new MemoryStore(parts);
  }

  async begin(): Promise<void> {
    await this.store.log();
    for (const line of await this.store.lines()) this.#observe(parseRecord(line));
  }

  // Time and ids.

  clock = (): number => (this.#now += 1 + this.drawn.below(40));

  turnBack(): void {
    const ms = this.drawn.below(3_600_000);
    this.#now -= ms;
    this.tell(`the clock goes back by ${ms} ms`);
  }

  newId = uuidv7(this.clock, (bytes) => {
    const random = new Uint8Array(bytes);
    new DataView(random.buffer).setUint32(bytes - 4, ++this.#random);
    new DataView(random.buffer).setUint32(bytes - 8, this.drawn.below(2 ** 32));
    return random;
  });

  tell(line: string | (() => string)): void {
    if (this.#verbose) this.steps.push(typeof line === "string" ? line : line());
  }

  complain(what: string): void {
    this.tell(() => `WRONG: ${what}`);
    this.wrong.push(what);
  }

  // What the model asks of reality.

  guest(domain: string) {
    return this.world.guests.get(domain)?.state ?? "off";
  }

  isFolding(domain: string): boolean {
    const state = this.states.get(domain);
    return state !== undefined && foldsOf(state) > 0;
  }

  isBehind(path: string): boolean {
    const must = this.expected.bases.get(fileOf(path));
    return must !== undefined && String(sectorsIn(this.world, path)) !== String(must);
  }

  defining() {
    return [...this.operations.values()].flatMap(({ intent, decided, failed, inFlight: { command } }) =>
      intent?.domain && !decided && !failed && command.type === "DefineDomain" ? [{ id: intent.domain, command }] : [],
    );
  }

  merging(): string[] {
    return [...this.operations.values()].flatMap(({ intent, decided, failed, inFlight: { command } }) => {
      if (!intent?.domain || decided || failed || command.type !== "MergeSnapshot") return [];
      const domain = this.expected.domains.get(intent.domain);
      if (domain?.model.snapshots.get(command.snapshot)?.parent !== null) return [];
      return domain.disks.map(({ path }) => fileOf(path));
    });
  }

  // Commands.

  /** Somebody gives a command; resolves when its process is done or dead. */
  async give(
    command: Command,
    request: Request = {},
    faultRates: FaultRates = this.profile.faultRates,
  ): Promise<Outcome | undefined> {
    const number = ++this.counts.commands;
    const told = (line: string) => this.tell(`  #${number} ${line}`);
    const caller = callerOf(this.drawn.one(["ann", "bob", "eve"]));
    const abort = new AbortController();
    const targetFailpoint = faultRates === this.profile.faultRates ? this.targetFailpoint : undefined;
    const { drawn, failpoints } = this;
    const interrupt = () => abort.abort();
    const manager = new Manager({ command, drawn, faultRates, failpoints, targetFailpoint, interrupt, told });
    const { commandId } = request;
    const codes = new Set<string>();
    const state = {
      acceptable: false,
      guestActed: false,
      reuses: false,
      overtaken: false,
      revision: null,
      appending: false,
    };
    const undisturbed = faultRates === noFaults;
    const inFlight: CommandInFlight = {
      ...{ number, command, caller, manager, abort, codes, ...state },
      request,
      undisturbed,
    };
    if (typeof commandId === "string") this.#shareId(commandId, inFlight);
    this.tell(() => `#${number} ${caller.user}: ${commandTold(command)} ${JSON.stringify({ ...command, ...request })}`);
    this.underWay.add(inFlight);
    this.#weigh(inFlight);
    try {
      const outcome = await handle(this.#context(inFlight), command, caller, { ...request, signal: abort.signal });
      this.#ended(inFlight, outcome);
      return outcome;
    } catch (error) {
      this.#endedBadly(inFlight, error);
      return undefined;
    } finally {
      this.counts.faults += manager.harms.length;
      this.underWay.delete(inFlight);
      for (const goOn of this.#waitingForEnds.splice(0)) goOn();
    }
  }

  #context(inFlight: CommandInFlight): CommandContext {
    const { manager } = inFlight;
    const driver = this.#driver(inFlight);
    const log = async (): Promise<EventLog> => {
      await this.scheduler.turn();
      manager.check();
      return this.#watched(inFlight, crashable(await this.store.log(), manager));
    };
    const checkpoints = this.drawn.chance(25) ? this.#checkpointsInRam() : nothingCached;
    return {
      log: { use: async (work) => work(await log()), close: () => Promise.resolve() },
      states: {
        domain: (open, id, at) => readDomainState(open, id, checkpoints, at),
        directory: (open) => readDirectory(open, checkpoints),
        files: (open) => readFiles(open, checkpoints),
      },
      ...{ locks: this.#locksFor(inFlight), driver: () => driver, clock: this.clock, newId: this.newId },
      ...{ waitMs: 0, appended: () => undefined, layersRoot: "/layers" },
    };
  }

  #driver(inFlight: CommandInFlight): Driver {
    const { world, scheduler } = this;
    const { manager } = inFlight;
    const during = async (point: string) => {
      await scheduler.turn();
      manager.pass(point);
    };
    const memory = memoryDriver({ world, inventBases: false, during });
    const heads = (id: string) => String(world.guests.get(id)?.heads);
    const seen: Driver = {
      ...memory,
      freeze: async (id, step, watch) => {
        const before = heads(id);
        this.still.add(id);
        const saved = await memory.freeze(id, step, watch).finally(() => this.still.delete(id));
        const guest = world.guests.get(id);
        if (guest && heads(id) !== before) this.expected.freeze(id, tokenOf(guest.memory));
        return saved;
      },
      start: async (guest) => {
        const was = this.guest(guest.domain);
        await memory.start(guest);
        if (was === "off") this.#checkLoaded(guest.domain, inFlight.command.type === "CreateWithSnapshot");
        this.weighAll();
      },
      remove: async (path) => {
        await memory.remove(path);
        this.#judgeDomains();
        // A fault that folds for ever would never come to an end.
        if (this.wrong.length > 0) manager.kill("since something is wrong");
        manager.check();
      },
      stop: (id) => memory.stop(id).then(() => this.weighAll()),
      shutdown: (id, timeoutMs, signal) => memory.shutdown(id, timeoutMs, signal).then(() => this.weighAll()),
      suspend: (id) => memory.suspend(id).then(() => this.weighAll()),
      resume: (id) => memory.resume(id).then(() => this.weighAll()),
    };
    return manager.harm(withFaults(seen, { fuse: manager }), scheduler);
  }

  /** Who starts from a snapshot gets its memory, if it has one; and that with the disks that were frozen with it. */
  #checkLoaded(id: string, fromSnapshot: boolean): void {
    const { model, memories } = this.expected.at(id);
    const guest = this.world.guests.get(id);
    const saved = fromSnapshot ? memories.get(model.current ?? "") : undefined;
    const loaded = saved !== undefined;
    const is = guest && tokenOf(guest.memory);
    if (is !== (saved ?? 0)) this.complain(`the guest was started with memory ${is}, not ${saved ?? 0}`);
    const heads = guest?.heads.map((path) => String(sectorsIn(this.world, path)));
    const disks = Object.values(model.heads).map(String);
    if (loaded && heads?.join("|") !== disks.join("|")) this.complain(`a memory met the disks ${heads?.join("|")}`);
  }

  #locksFor(inFlight: CommandInFlight): Locks {
    return {
      lockDomain: async ({ domain }) => {
        const patience = this.drawn.below(30);
        for (let turn = 0; ; turn++) {
          await this.scheduler.turn();
          inFlight.manager.check();
          const holder = this.#locks.get(domain);
          // Who dies while it writes has the database until that is through.
          if (!holder || (holder.manager.crash && !holder.appending)) break;
          if (turn >= patience) throw new SnapledgerError("OPERATION_IN_PROGRESS", `#${holder.number} works on it.`);
        }
        this.#locks.set(domain, inFlight);
        inFlight.revision = this.states.get(domain)?.revision ?? 0;
        return this.#lock(domain, inFlight);
      },
    };
  }

  #lock(domain: string, inFlight: CommandInFlight): DomainLock {
    const release = () => {
      if (this.#locks.get(domain) === inFlight) this.#locks.delete(domain);
      return Promise.resolve();
    };
    return { operation: () => undefined, child: () => undefined, livingChildren: () => [], release };
  }

  /** What a process is told of its appends is checked against what it asked for. */
  #watched(inFlight: CommandInFlight, log: EventLog): EventLog {
    return {
      ...log,
      append: async (events, options) => {
        for (const { operation } of events) {
          if (operation === null) continue;
          const told = this.operations.get(operation);
          if (told) told.by = inFlight;
          else
            this.operations.set(operation, {
              ...{ inFlight, by: inFlight, intent: null, decided: null, rejected: null, failed: false },
            });
        }
        if (inFlight.request.plan) this.complain(`#${inFlight.number} was to plan only, and appends`);
        await this.scheduler.turn();
        const unread = await this.#overtake(inFlight, events[0]?.domain ?? null);
        inFlight.appending = true;
        const records = await log.append(events, options).finally(() => (inFlight.appending = false));
        if (unread && records.length > 0)
          this.complain(`position ${unread.position} was not read by who appended after`);
        for (const { position, actor, reason, type } of records) {
          this.acknowledged = Math.max(this.acknowledged, position);
          if (actor.user !== inFlight.caller.user) this.complain(`position ${position} names ${actor.user}`);
          if (type === "OperationStarted" && reason !== (inFlight.request.reason ?? null))
            this.complain(`position ${position} has the reason ${reason}`);
        }
        return records;
      },
    };
  }

  /**
   * Locks are not seen from everywhere, such as from a container with a network of its own: at times somebody comes
   * between what a process has read and what it appends. What is appended here changes nothing.
   */
  async #overtake(inFlight: CommandInFlight, domain: string | null): Promise<EventRecord | undefined> {
    const name = this.states.get(domain ?? "")?.name;
    if (inFlight.undisturbed || name === undefined || this.#strange.below(overtakes) > 0) return undefined;
    const operation = this.newId();
    this.#overtaking.add(operation);
    const command: Command = { type: "StartDomain", domain: name, paused: false };
    const why = { code: "OPERATION_IN_PROGRESS", message: "It is another's.", errorFacts: {}, hint: null } as const;
    const { user, uid, loginUid, sudoUser, host, via, knownBy } = callerOf("zoe");
    const actor = { user, uid, loginUid, sudoUser, host, via, knownBy };
    const envelope = { domain, actor, reason: null, ticket: null, operation, commandId: null };
    const data = { command, facts: {}, ...why };
    try {
      const log = await this.store.log();
      const [record] = await log.append([{ ...envelope, type: "CommandRejected", schema: 1, data }]);
      inFlight.overtaken = true;
      return record;
    } catch {
      return undefined;
    }
  }

  #checkpointsInRam(): CachedStates {
    return {
      ...nothingCached,
      load: (id) => Promise.resolve(parseDomain(this.#checkpoints.get(id) ?? "", id)),
      loadDirectory: () => Promise.resolve(parseDirectory(this.#checkpoints.get("directory") ?? "")),
      loadFiles: () => Promise.resolve(parseFileDirectory(this.#checkpoints.get("files") ?? "")),
    };
  }

  /**
   * Checkpoints are left for whoever comes. At times they are of another history, such as a store's that was put back
   * since: there another record was the next one.
   */
  checkpoint(): void {
    const foreign = this.#strange.chance(20);
    for (const state of this.states.values())
      this.#checkpoints.set(state.id, writeDomain(foreign ? anotherHistory(state) : state));
    this.#checkpoints.set("directory", writeDirectory(foreign ? anotherHistory(this.directory) : this.directory));
    const files = foreign ? anotherHistory(this.fileDirectory) : this.fileDirectory;
    this.#checkpoints.set("files", writeFileDirectory(files));
  }

  // The log's disk.

  async #beforeWrite(): Promise<void> {
    await this.scheduler.turn();
    if (!this.drawn.chance(this.profile.writeFailsPercent)) return;
    this.broken = true;
    this.counts.faults += 1;
    this.tell("the log's disk fails: nothing is written");
    throw Object.assign(new Error("ENOSPC: no space left on device (drawn)"), { code: "ENOSPC" });
  }

  #written(records: readonly EventRecord[]): void {
    for (const record of records) this.#observe(record);
    if (this.records.length > mostRecords) {
      this.broken = true;
      this.complain("something is appended for ever");
      throw new Error("nothing more is written");
    }
    if (this.drawn.chance(this.profile.writeFailsPercent)) {
      this.broken = true;
      this.counts.faults += 1;
      this.tell("the log's disk fails, although it has written");
      throw Object.assign(new Error("EIO: fsync failed (drawn)"), { code: "EIO" });
    }
    if (this.drawn.chance(this.profile.powerCutPercent)) this.cutPower("as the log had written");
  }

  #observe(record: EventRecord): void {
    this.#checkUntouched(record);
    this.records.push(record);
    this.tell(() => `    ${record.position} ${record.type}: ${explain(record)}`);
    applyDirectory(this.directory, record);
    applyFileDirectory(this.fileDirectory, record);
    if (record.domain === null) return;
    const state = this.states.get(record.domain) ?? emptyState(record.domain);
    this.states.set(record.domain, state);
    if (record.type === "DomainUndefined") {
      this.#needed = new Set([...reachable(state)].map((id) => layerOf(state, id).file.path));
      this.#unfolded = state.disks.filter((target) => state.baseRoles[target] !== state.bases[target]);
    }
    apply(state, record);
    this.#account(record);
    this.weighAll();
  }

  /** Neither is what was tampered with folded, nor what stands on it re-pointed. */
  #checkUntouched(record: EventRecord): void {
    if (this.tampered === null || record.type !== "FoldStarted") return;
    const state = this.states.get(record.domain ?? "");
    const { from, into, repoint } = record.data;
    for (const layer of state ? [from, into, ...repoint] : []) {
      const { path } = layerOf(state!, layer).file;
      if (path === this.tampered)
        this.complain(`a fold begins at ${record.position} with ${path}, which was tampered with`);
    }
  }

  // What is recorded, against what was asked for.

  #account(record: EventRecord): void {
    if (this.#overtaking.has(record.operation ?? "")) return;
    const told = this.operations.get(record.operation ?? "");
    if (!told) return this.complain(`nobody appended position ${record.position}`);
    const { inFlight } = told;
    const what = `${record.type} at ${record.position}, of #${inFlight.number} (${inFlight.command.type})`;
    if (told.rejected) this.complain(`${what} follows its refusal`);
    if (record.commandId !== null) this.#useId(record, inFlight, what);
    if (record.type === "OperationStarted") return this.#accountIntent(record, told, what);
    if (record.type === "CommandRejected") {
      told.rejected = record;
      this.counts.refusals += 1;
      if (told.intent) this.complain(`${what} follows its intent`);
      if (!inFlight.codes.has(record.data.code))
        this.complain(`${what} says ${record.data.code}; known: ${list(inFlight)}`);
      return;
    }
    if (record.type === "OperationFailed") {
      if (!told.intent) this.complain(`${what} was never begun`);
      if (told.decided && inFlight.command.type !== "CreateWithSnapshot") this.complain(`${what} had been decided`);
      if (told.by !== inFlight && !told.by.guestActed && this.#isDone(record.domain ?? "", inFlight.command))
        this.complain(`${what}: its guest shows that it was done`);
      told.failed = true;
      const domain = this.expected.domains.get(record.domain ?? "");
      if (domain?.frozen && !told.decided && inFlight.command.type === "CreateSnapshot")
        this.#unfreeze(record.domain ?? "");
      return;
    }
    if (record.type === decides(inFlight.command) && told.intent) return this.#accountOutcome(record, told, what);
    if (isHousekeeping(record)) return;
    if (record.type === "DomainStarted" && inFlight.command.type === "CreateWithSnapshot" && told.decided) return;
    this.complain(`${what} was not preceded by its intent`);
  }

  /** The guest that had been moved died without a write: its heads are the old files again. */
  #unfreeze(id: string): void {
    const domain = this.expected.at(id);
    if (this.guest(id) !== "off") this.complain(`the freeze of ${domain.name} was taken back under its guest`);
    domain.frozen = null;
  }

  #accountIntent(record: EventRecord, told: OperationTrace, what: string): void {
    const { inFlight } = told;
    if (told.intent) this.complain(`${what} was begun before`);
    told.intent = record;
    const data = record.data as { command: Command };
    if (JSON.stringify(data.command) !== JSON.stringify(inFlight.command)) this.complain(`${what} is another command`);
    if (!inFlight.acceptable) this.complain(`${what} must be refused: ${list(inFlight)}`);
    const { must } = this.expected.verdict(record.domain ?? "", inFlight.command);
    for (const code of across) if (must.has(code)) this.complain(`${what} must be refused at that position: ${code}`);
    const { expectRevision } = inFlight.request;
    if (expectRevision !== undefined && expectRevision !== inFlight.revision)
      this.complain(`${what} was to be at revision ${expectRevision}, not ${inFlight.revision}`);
  }

  #accountOutcome(record: EventRecord, told: OperationTrace, what: string): void {
    const { inFlight } = told;
    const id = record.domain ?? "";
    if (told.decided) this.complain(`${what} had been decided before`);
    if (told.failed) this.complain(`${what} had failed before`);
    told.decided = record;
    if (record.type === "DomainDefined" && inFlight.command.type === "DefineDomain") {
      if (this.expected.domains.has(id)) this.complain(`${what}: it was defined already`);
      return this.expected.define(id, inFlight.command);
    }
    if (!this.expected.domains.has(id)) return this.complain(`${what}: the domain is not defined`);
    if (record.type === "DomainUndefined") {
      this.#keep(record.data.kept);
      this.expected.leaveUnmerged(id, this.#unfolded);
    }
    const created = record.type === "SnapshotCreated" ? record.data.snapshot.name : null;
    const moves = record.type === "HeadsMoved" || record.type === "SnapshotDeactivated";
    const saved = moves ? (record.data.autosave?.name ?? null) : null;
    if (saved !== null && !saved.startsWith("autosave-")) this.complain(`${what} calls an autosave "${saved}"`);
    const unmeasured = told.by !== inFlight && record.type === "SnapshotCreated";
    const why = this.expected.decided(id, inFlight.command, { created, saved, unmeasured });
    if (why !== null) this.complain(`${what}: ${why}`);
    this.#checkGuest(record, told, what);
  }

  /** Whether the guest is as the command was to bring it about. */
  #isDone(id: string, { type }: Command): boolean {
    const guest = this.guest(id);
    switch (type) {
      case "StartDomain":
        return guest !== "off";
      case "DestroyDomain":
      case "ShutdownDomain":
        return guest === "off";
      case "SuspendDomain":
        return guest === "paused";
      case "ResumeDomain":
        return guest === "running";
      default:
        return false;
    }
  }

  #checkGuest(record: EventRecord, { inFlight, by }: OperationTrace, what: string): void {
    const must: Readonly<Record<string, string>> = {
      ...{ DomainStopped: "off", DomainSuspended: "paused", DomainResumed: "running" },
    };
    const state = record.type === "DomainStarted" ? record.data.state : must[record.type];
    const is = this.guest(record.domain ?? "");
    // It may have ended since whoever records it looked.
    const acted = inFlight.guestActed || by.guestActed;
    if (state !== undefined && !acted && is !== state) this.complain(`${what}, and its guest is ${is}`);
  }

  /** Of garbage that could not be removed, nobody promises anything. */
  #keep(paths: readonly string[]): void {
    for (const path of paths) {
      if (!path.endsWith(".mem") && !this.#needed.has(path)) continue;
      let bottom = path;
      for (let next = this.world.files.get(path)?.backing; next; next = this.world.files.get(next.path)?.backing) {
        if (baseImage(bottom)) break;
        bottom = next.path;
      }
      const sectors = sectorsIn(this.world, path);
      const memory = path.endsWith(".mem");
      if (!memory && typeof sectors === "string") this.complain(`${path} is to be kept: ${sectors}`);
      if (memory || typeof sectors === "string") continue;
      this.expected.kept.push({ path, base: bottom, sectors });
    }
  }

  /** An id stands for one command of one domain, however many processes use it at the same time. */
  #useId(record: EventRecord, inFlight: CommandInFlight, what: string): void {
    const use = this.#usedIds.get(record.commandId ?? "");
    if (!use) return;
    use.first ??= { record, inFlight };
    if (record.type !== "OperationStarted" && record.type !== "CommandRejected") return;
    if (use.first.record !== record) this.complain(`${what} uses the command id of ${use.first.record.position}`);
  }

  #shareId(commandId: string, inFlight: CommandInFlight): void {
    const use = this.#usedIds.get(commandId) ?? { commandsInFlight: [], first: null };
    this.#usedIds.set(commandId, use);
    use.commandsInFlight.push(inFlight);
    for (const one of use.commandsInFlight) one.reuses = use.commandsInFlight.length > 1;
  }

  /** By what it could be refused now. */
  #weigh(inFlight: CommandInFlight): void {
    const { command } = inFlight;
    const id = command.type === "DefineDomain" ? command.uuid : (this.expected.named(command.domain)?.id ?? "");
    const { must, may } = this.expected.verdict(id, command);
    for (const code of [...must, ...may]) inFlight.codes.add(code);
    const tampered = this.#standsOnTampered(id, command);
    if (tampered) inFlight.codes.add("FILES_CHANGED");
    if (must.size === 0 && !tampered) inFlight.acceptable = true;
  }

  /** Whether the command would build on the file that was tampered with, by the links that the files really have. */
  #standsOnTampered(id: string, command: Command): boolean {
    const state = this.states.get(id);
    if (this.tampered === null || !state) return false;
    const { tampered, world } = this;
    const isBelow = (path: string) => world.chain(path).includes(world.file(tampered));
    const pathOf = (layer: string) => layerOf(state, layer).file.path;
    if (command.type === "StartDomain") return Object.values(state.heads).some((layer) => isBelow(pathOf(layer)));
    if (command.type !== "CreateWithSnapshot" && command.type !== "MergeSnapshot") return false;
    const snapshot = state.snapshots.get(state.byName.get(command.snapshot) ?? "");
    const paths = Object.values(snapshot?.layers ?? {}).map(pathOf);
    if (paths.some(isBelow)) return true;
    return command.type === "MergeSnapshot" && paths.includes(world.files.get(tampered)?.backing?.path ?? "");
  }

  weighAll(): void {
    for (const inFlight of this.underWay) this.#weigh(inFlight);
  }

  endGuest({ id, name }: ExpectedDomain): void {
    const guest = this.world.guests.get(id);
    if (guest) guest.state = "off";
    this.tell(`the guest of ${name} ends by itself`);
    this.guestActs(id);
  }

  guestActs(id: string): void {
    for (const inFlight of this.underWay)
      inFlight.guestActed ||= this.expected.named(nameIn(inFlight.command))?.id === id;
    this.weighAll();
  }

  #toldOf(inFlight: CommandInFlight): OperationTrace | undefined {
    const all = [...this.operations.values()].filter((told) => told.inFlight === inFlight);
    return all.find(({ intent, rejected }) => intent !== null || rejected !== null);
  }

  #ended(inFlight: CommandInFlight, outcome: Outcome): void {
    this.tell(() => `#${inFlight.number} done${outcome.repeated ? ", before" : ""}, at ${outcome.position}`);
    if (inFlight.manager.crash) this.counts.crashes += 1;
    if (inFlight.manager.crash || outcome.planned) return;
    const told = this.#toldOf(inFlight);
    if (outcome.repeated) {
      const first = this.#usedIds.get(inFlight.request.commandId ?? "")?.first?.inFlight;
      if (first === inFlight || !first || withoutUuid(first.command) !== withoutUuid(inFlight.command))
        this.complain(`#${inFlight.number} was told the outcome of another command`);
      if (told) this.complain(`#${inFlight.number} was done again`);
      return this.#checkFoldedStill(inFlight, first);
    }
    if (decides(inFlight.command) === undefined) return;
    if (!told?.decided) this.complain(`#${inFlight.number} is said to be done, and no event says so`);
    else if (told.decided.position !== outcome.position) this.complain(`#${inFlight.number} names another event`);
    else this.#checkFolded(inFlight, told.decided);
  }

  /** Who merges into the base image and hears of nothing else has it there, in the file. */
  #checkFolded({ number }: CommandInFlight, { type, domain, data }: EventRecord): void {
    if (type !== "SnapshotMerged" || data.into !== null) return;
    for (const { path } of this.expected.domains.get(domain ?? "")?.disks ?? [])
      if (this.isBehind(path)) this.complain(`#${number} is said to be done, and ${path} does not hold it`);
  }

  /** Whoever asks again by the same id is not told of success any sooner. */
  #checkFoldedStill(inFlight: CommandInFlight, first: CommandInFlight | undefined): void {
    const merged = first && this.#toldOf(first)?.decided;
    if (!merged) return;
    const later = [...this.operations.values()].some(
      ({ decided }) => decided?.type === "SnapshotMerged" && decided.position > merged.position,
    );
    if (!later) this.#checkFolded(inFlight, merged);
  }

  #endedBadly(inFlight: CommandInFlight, error: unknown): void {
    this.tell(() => `#${inFlight.number} ${error instanceof SnapledgerError ? error.code : ""}: ${String(error)}`);
    // Whatever a dead process would say, nobody hears it.
    if (inFlight.manager.crash) return void (this.counts.crashes += 1);
    if (!isSnapledgerError(error))
      return this.complain(`#${inFlight.number}: ${error instanceof Error ? error.stack : String(error)}`);
    const told = this.#toldOf(inFlight);
    // What was written and not acknowledged is not seen until the log is opened anew.
    if (this.broken) return;
    const unrecorded = !told?.rejected && !inFlight.request.plan && !inFlight.reuses;
    if (unrecorded && ofRules.has(error.code))
      this.complain(`#${inFlight.number}'s refusal, ${error.code}, is not recorded`);
    const { first } = this.#usedIds.get(inFlight.request.commandId ?? "") ?? {};
    if (first && first.inFlight !== inFlight && error.code === "DOMAIN_NOT_FOUND" && !inFlight.request.plan) {
      const same = JSON.stringify(first.inFlight.command) === JSON.stringify(inFlight.command);
      if (same) this.complain(`#${inFlight.number} repeats #${first.inFlight.number}, and is not told what came of it`);
    }
    // Without the lock, files may go away under a plan.
    const gone = isSnapledgerError(error, "NEEDS_OPERATOR") || isSnapledgerError(error, "FILE_NOT_FOUND");
    // Or the domain itself, which then is another user of its base image.
    const left = error.code === "BASE_IMAGE_SHARED" && inFlight.codes.has("DOMAIN_NOT_FOUND");
    if (inFlight.request.plan && (gone || left) && this.profile.atOnce > 1) return;
    if (told?.rejected?.type === "CommandRejected" && told.rejected.data.code !== error.code)
      this.complain(`#${inFlight.number} is refused by ${error.code}, and the log says otherwise`);
    if (!told?.rejected && !this.#isExplained(inFlight, error, told)) {
      const why = `${error.code}: ${error.message}; harms: ${inFlight.manager.harms.join(", ")}; known: ${list(inFlight)}`;
      this.complain(`#${inFlight.number} (${inFlight.command.type}) ended by ${why}`);
    }
  }

  /** Whether anything that happened, or the model, can be the cause of an error that is no recorded refusal. */
  #isExplained(inFlight: CommandInFlight, error: SnapledgerError, told: OperationTrace | undefined): boolean {
    if (error.message.includes("saved with other disks")) return false;
    const harmed = inFlight.manager.harms.length > 0 || this.harsh;
    if (inFlight.codes.has(error.code) && !told?.intent) return true;
    switch (error.code) {
      case "DISK_FULL":
        return harmed || inFlight.reuses;
      case "DRIVER_FAILED":
        return harmed || inFlight.reuses || inFlight.guestActed;
      case "IMAGE_LOCKED":
        return harmed || this.world.guests.size > 0;
      case "GUEST_BUSY":
      case "GUEST_GONE":
        return harmed || inFlight.guestActed;
      case "COMPACTION_PENDING":
        return harmed || this.tampered !== null || this.anyGuestRuns() || inFlight.guestActed || inFlight.reuses;
      case "OPERATION_IN_PROGRESS":
        return this.profile.atOnce > 1;
      case "REVISION_CONFLICT":
        return (
          inFlight.overtaken ||
          (inFlight.request.expectRevision !== undefined && inFlight.request.expectRevision !== inFlight.revision)
        );
      case "COMMAND_ID_REUSED":
        return inFlight.reuses;
      case "INTERRUPTED":
        return inFlight.abort.signal.aborted || inFlight.reuses;
      default:
        return inFlight.reuses;
    }
  }

  anyGuestRuns(): boolean {
    return [...this.world.guests.values()].some(({ state }) => state !== "off");
  }

  // Deaths.

  /** Every process dies, and with the power all guests too. */
  cutPower(when: string): void {
    this.#restart(`the power is cut, ${when}`, true);
    for (const [id, guest] of this.world.guests) {
      if (guest.state === "off") continue;
      guest.state = "off";
      this.guestActs(id);
    }
  }

  /** Every process dies; guests live on. */
  restart(why: string): void {
    this.#restart(why, false);
  }

  #restart(why: string, power: boolean): void {
    this.counts.restarts += 1;
    this.tell(why);
    for (const inFlight of this.underWay) {
      inFlight.manager.kill(why);
      inFlight.appending = false;
    }
    this.store.restart(power);
    this.broken = false;
  }

  /** Until those that died know it, and those that live are done. */
  async idle(): Promise<void> {
    await this.fewer(1);
  }

  /** Resolves when fewer than so many commands are under way. */
  async fewer(than: number): Promise<void> {
    while (this.underWay.size >= than) await new Promise<void>((resolve) => this.#waitingForEnds.push(resolve));
  }

  /** Nothing stands in the way any more, until what it returns is called. */
  calm(): () => void {
    const rough = this.profile;
    for (const letGo of this.foreign.splice(0)) letGo();
    this.world.freeBytes = 2 ** 40;
    this.harsh = false;
    if (this.broken) this.restart("the server is restarted, since its log is broken");
    this.profile = { ...this.profile, writeFailsPercent: 0, powerCutPercent: 0 };
    return () => (this.profile = rough);
  }

  // What is looked at again and again.

  judgeSettled(id: string, folded: boolean): void {
    const state = this.states.get(id);
    if (!state) return;
    for (const fault of unsettled(this.world, state, this.expected.domains.get(id), folded)) this.complain(fault);
    if (state.guest !== this.guest(id))
      this.complain(`the guest of ${state.name} is ${this.guest(id)}, not ${state.guest}`);
  }

  judge(): void {
    if (this.tampered !== null) return;
    this.#judgeDomains();
    for (const fault of basesDiffer(this.world, this.expected, (file) => this.#isFoldedInto(file)))
      this.complain(fault);
  }

  #judgeDomains(): void {
    if (this.tampered !== null) return;
    for (const domain of this.expected.domains.values()) {
      const state = this.states.get(domain.id);
      if (!state) continue;
      for (const fault of unreadable(this.world, state, domain)) this.complain(fault);
      for (const fault of memoriesDiffer(this.world, state, domain)) this.complain(fault);
    }
  }

  #isFoldedInto(file: string): boolean {
    for (const { id, disks } of this.expected.domains.values()) {
      const state = this.states.get(id);
      for (const { target, path } of disks)
        if (chainOf(path)[0] === file && state?.baseRoles[target] !== state?.bases[target]) return true;
    }
    return false;
  }
}

/** No run needs so many. */
const mostRecords = 2000;

/** One append of so many is overtaken. */
const overtakes = 300;

/** Rules that look across domains are decided at the very position at which they are recorded. */
const across = ["DOMAIN_EXISTS", "IMAGE_IN_USE", "BASE_PENDING", "BASE_IMAGE_SHARED"] as const;

/** By these a rule refuses, and nothing else: each is in the log. */
const ofRules: ReadonlySet<string> = new Set([
  ...["SNAPSHOT_EXISTS", "SNAPSHOT_NOT_FOUND", "MERGE_WOULD_ORPHAN", "DISCARD_WOULD_ORPHAN"],
  ...["DOMAIN_HAS_SNAPSHOTS", "HEADS_DIRTY", "FILES_CHANGED"],
]);

export function foldsOf(state: DomainState): number {
  try {
    return pendingFolds(state).length;
  } catch {
    return 1;
  }
}

function list({ codes, acceptable }: CommandInFlight): string {
  return [...codes, ...(acceptable ? ["none"] : [])].join(" ");
}

function nameIn(command: Command): string {
  return command.type === "DefineDomain" ? command.uuid : command.domain;
}

function withoutUuid(command: Command): string {
  return JSON.stringify({ ...command, uuid: null, domain: null });
}

/** What it was with one record more, which meant nothing. */
function anotherHistory<P extends { position: number; hash: string; revision?: number }>(now: P): P {
  const more = now.revision === undefined ? {} : { revision: now.revision + 1 };
  return { ...now, ...more, position: now.position + 1, hash: `sha256:${"f".repeat(64)}` };
}

function callerOf(user: string): Caller {
  const uid = 1000 + user.charCodeAt(0);
  return { user, uid, loginUid: uid, sudoUser: null, host: "host", via: "simulation", knownBy: "process", pid: null };
}
