import fc from "fast-check";
import type { Facts, StepResults } from "../../src/commands/rules/decision.ts";
import { decide } from "../../src/commands/rules/rules.ts";
import type { Command } from "../../src/events/command.ts";
import type { Actor, AnyEvent, DomainEvent, EventRecord, NewEvent } from "../../src/events/events.ts";
import { sha256 } from "../../src/events/hash.ts";
import type { DomainId, LayerId } from "../../src/events/ids.ts";
import type { Plan } from "../../src/events/plan.ts";
import type { FileFacts, MemoryFile } from "../../src/events/records.ts";
import { beforeFirst, sealRecord } from "../../src/events/seal.ts";
import { apply } from "../../src/projections/domain.ts";
import { garbage, headOf, layerOf, pendingFolds } from "../../src/projections/layers.ts";
import { emptyState } from "../../src/projections/state.ts";
import type { DomainState } from "../../src/projections/state.ts";

/**
 * Plausible logs without a disk: commands decided by the real rules on made-up files, sealed in a real chain. What a
 * move asks for may be refused; then the refusal is in the log.
 */

const verbs = [
  ...(["define", "undefine", "start", "stop", "deactivate", "merge", "discard"] as const),
  ...(["create", "create", "create", "move", "move", "fold", "fold", "remove"] as const),
] as const;

export interface Move {
  readonly verb: (typeof verbs)[number];
  readonly domain: number;
  /** Which of what there is: a snapshot, a fold. */
  readonly pick: number;
  /** With writes in the heads. */
  readonly dirty: boolean;
  readonly force: boolean;
  readonly end: "outcome" | "failure" | "none";
}

export const move: fc.Arbitrary<Move> = fc.record({
  verb: fc.constantFrom(...verbs),
  domain: fc.nat({ max: 1 }),
  pick: fc.nat({ max: 100 }),
  dirty: fc.boolean(),
  force: fc.boolean(),
  end: fc.constantFrom<Move["end"][]>("outcome", "outcome", "outcome", "outcome", "outcome", "failure", "none"),
});

/** A whole log from LogCreated on, of two domains that come and go. */
export const history: fc.Arbitrary<EventRecord[]> = fc.array(move, { maxLength: 60 }).map(historyOf);

/** The same as stored lines, which a log in RAM can be made of. */
export const storedHistory: fc.Arbitrary<string[]> = fc
  .array(move, { maxLength: 60 })
  .map((moves) => writerOf(moves).lines);

/** The states of all domains, folded record by record; `apply` returns the state of the record's domain. */
export function statesOf(): { apply(record: EventRecord): DomainState | undefined } {
  const states = new Map<DomainId, DomainState>();
  return {
    apply(record) {
      if (record.domain === null) return undefined;
      const state = states.get(record.domain) ?? emptyState(record.domain);
      states.set(record.domain, state);
      apply(state, record);
      return state;
    },
  };
}

export const alice: Actor = {
  ...{ user: "alice", uid: 1000, loginUid: 1000, sudoUser: null, host: "host", via: "cli", knownBy: "process" },
};

export function historyOf(moves: readonly Move[]): EventRecord[] {
  return writerOf(moves).records;
}

function writerOf(moves: readonly Move[]): Historian {
  const writer = new Historian();
  for (const id of writer.domains) writer.play({ verb: "define", domain: id, pick: 0 });
  for (const one of moves) writer.play({ ...one, domain: writer.domains[one.domain] ?? "" });
  return writer;
}

type Play = Partial<Omit<Move, "domain" | "verb">> & { readonly verb: Move["verb"]; readonly domain: DomainId };

/** Writes a history move by move. */
export class Historian {
  readonly records: EventRecord[] = [];
  /** The same, as stored. */
  readonly lines: string[] = [];
  readonly domains: readonly DomainId[];
  readonly #states = new Map<DomainId, DomainState>();
  #made = 0;

  constructor() {
    this.#append(null, { type: "LogCreated", schema: 1, data: { logId: this.newId(), format: 1 } });
    this.domains = [this.newId(), this.newId()];
  }

  /** Ids in the shape of UUIDs, counted up. */
  readonly newId = (): string => `00000000-0000-7000-8000-${String(++this.#made).padStart(12, "0")}`;

  state(id: DomainId): DomainState {
    const state = this.#states.get(id) ?? emptyState(id);
    this.#states.set(id, state);
    return state;
  }

  play({ verb, domain, pick = 0, dirty = false, force = false, end = "outcome" }: Play): void {
    const state = this.state(domain);
    if (verb === "fold") return this.#fold(state, pick);
    if (verb === "remove") return this.#remove(state);
    if (state.defined === (verb === "define")) return;
    const snapshot = [...state.byName.keys()][pick % Math.max(1, state.byName.size)] ?? "none";
    this.run(domain, commandFor(verb, state, snapshot, pick, dirty, force), { dirty, end });
  }

  /** Decides a command by its rule, and appends the refusal, or the intent and how it ended. */
  run(
    domain: DomainId,
    command: Command,
    { dirty = false, end = "outcome" }: { dirty?: boolean; end?: Move["end"] } = {},
  ): void {
    const state = this.state(domain);
    this.#failDead(state);
    const facts = this.#factsFor(state, command, dirty);
    const recorded = facts as unknown as Record<string, unknown>;
    const ids: string[] = [];
    const decision = decide(state, facts, command, { newId: () => ids[ids.push(this.newId()) - 1] ?? "" });
    if ("refused" in decision) {
      const { code, message, facts: errorFacts, hint = null } = decision.refused;
      const data = { command, facts: recorded, code, message, errorFacts, hint };
      return this.#append(state, { type: "CommandRejected", schema: 1, data });
    }
    const { plan, outcome } = decision.accepted;
    const operation = this.newId();
    this.#append(
      state,
      { type: "OperationStarted", schema: 1, data: { command, facts: recorded, ids, plan } },
      operation,
    );
    if (end === "none") return;
    this.#append(state, end === "failure" ? failed(command, false) : outcome(this.#makeAll(state, plan)), operation);
  }

  /** As the next command does with an operation that never ended. */
  #failDead(state: DomainState): void {
    if (state.operation) this.#append(state, failed(state.operation.command, true), state.operation.id);
  }

  #fold(state: DomainState, pick: number): void {
    const folds = pendingFolds(state);
    const fold = folds[pick % Math.max(1, folds.length)];
    if (!fold) return;
    const { target, into, from, dependents, snapshots } = fold;
    const file = { ...layerOf(state, into.id).file, bytes: from.file.bytes, virtualBytes: from.file.virtualBytes };
    const data = {
      ...{ target, from: from.id, into: into.id, generation: into.generation + 1, file, snapshots },
      repointed: dependents.map(({ id, file }) => ({ layer: id, file })),
    };
    this.#append(state, { type: "LayersCompacted", schema: 1, data });
  }

  #remove(state: DomainState): void {
    const layers = garbage(state).map(({ id, file }) => ({ layer: id, path: file.path, bytes: file.bytes }));
    const files = [...layers, ...state.looseMemories.map(({ path, bytes }) => ({ layer: null, path, bytes }))];
    if (files.length > 0) this.#append(state, { type: "LayersRemoved", schema: 1, data: { files } });
  }

  #factsFor(state: DomainState, command: Command, dirty: boolean): Facts {
    const heads = Object.fromEntries(
      state.disks.map((target) => {
        const { file } = headOf(state, target);
        return [target, { ...file, bytes: file.bytes + (dirty ? 65_536 : 0) }];
      }),
    );
    const bases = Object.fromEntries(
      state.disks.map((target) => {
        const { file } = layerOf(state, state.bases[target]);
        return [target, { file, writable: true, users: [] }];
      }),
    );
    const { guest } = state;
    const supports = {
      guests: true,
      memory: true,
      compression: ["zlib", "zstd"],
      memoryCompression: ["zstd"],
    } as const;
    const facts = { time: timeAt(this.records.length), supports, guest, heads, freeBytes: 2 ** 40, bases };
    return command.type === "DefineDomain" ? { ...facts, define: this.#imagesOf(command) } : facts;
  }

  #imagesOf({ disks, uuid }: Extract<Command, { type: "DefineDomain" }>): NonNullable<Facts["define"]> {
    const images = disks.map(({ target, path }) => {
      const image = { file: this.#file(path), chain: [this.#file(`${path}.golden`)], writable: true };
      return [target, image] as const;
    });
    const folder = `/layers/${uuid}`;
    return { images: Object.fromEntries(images), taken: null, ours: [], pending: [], layersFolder: folder };
  }

  #makeAll(state: DomainState, { steps }: Plan): StepResults {
    const files = new Map<LayerId, FileFacts>();
    let memory: MemoryFile | null = null;
    for (const step of steps) {
      if (step.step !== "freeze") files.set(step.layer, this.#file(step.path));
      else memory = step.memoryPath === null ? null : { path: step.memoryPath, bytes: 1024 };
    }
    return { files, memory };
  }

  #file(path: string): FileFacts {
    const inode = String(++this.#made);
    return { path, format: "qcow2", bytes: 196_616, virtualBytes: 2 ** 20, device: "1", inode, mtimeNs: "0" };
  }

  #append(state: DomainState | null, event: AnyEvent, operation: string | null = null): void {
    const about = { reason: null, ticket: null, commandId: null, operation };
    const whole = { domain: state?.id ?? null, actor: alice, ...about, ...event } as NewEvent;
    const previous = this.records.at(-1) ?? beforeFirst;
    const revision = state ? state.revision + 1 : null;
    const now = Date.parse(timeAt(this.records.length));
    const { record, line } = sealRecord(whole, { id: this.newId(), previous, revision, now }, sha256);
    this.records.push(record);
    this.lines.push(line);
    if (state) apply(state, record);
  }
}

function failed({ type: command }: Command, found: boolean): DomainEvent {
  const data = { command, code: "DISK_FULL", message: "The disk is full.", undone: [], found } as const;
  return { type: "OperationFailed", schema: 1, data };
}

function timeAt(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
}

function commandFor(
  verb: Exclude<Move["verb"], "fold" | "remove">,
  { id, name }: DomainState,
  snapshot: string,
  pick: number,
  discardChanges: boolean,
  force: boolean,
): Command {
  const on = { domain: name, snapshot, discardChanges: discardChanges && pick % 2 === 0 };
  switch (verb) {
    case "define":
      return defineCommand(id, pick);
    case "undefine":
      return {
        type: "UndefineDomain",
        domain: name,
        keep: force ? (pick % 2 ? "keep-files" : "discard-all") : "refuse",
      };
    case "start":
      return { type: "StartDomain", domain: name, paused: force };
    case "stop":
      return { type: "DestroyDomain", domain: name };
    case "create": {
      const compression = pick % 10 === 0 ? "zstd" : null;
      const about = { domain: name, name: `s${pick}`, description: "", compression } as const;
      return { type: "CreateSnapshot", ...about, offline: true, diskOnly: force };
    }
    case "move":
      return { type: "CreateWithSnapshot", ...on, start: false };
    case "deactivate":
      return { type: "DeactivateSnapshot", ...on };
    case "merge":
      return { type: "MergeSnapshot", ...on, force };
    case "discard":
      return { type: "DiscardSnapshot", ...on, force };
  }
}

/** One or two disks, each on an image of its own. */
function defineCommand(uuid: DomainId, pick: number): Command {
  const name = `vm-${uuid.slice(-2)}`;
  const targets = pick % 2 === 0 ? ["vda"] : ["vda", "vdb"];
  const disks = targets.map((target) => ({
    target,
    path: `/images/${name}-${target}.qcow2`,
    format: "qcow2" as const,
  }));
  const about = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };
  return { type: "DefineDomain", uuid, name, driver: "memory", disks, ...about };
}
