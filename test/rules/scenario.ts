import type { DomainEvent, EventRecord } from "../../src/events/events.ts";
import type { Command, DefineDomain } from "../../src/events/command.ts";
import type { LayerId, Target } from "../../src/events/ids.ts";
import type { Step } from "../../src/events/plan.ts";
import type { FileFacts, MemoryFile } from "../../src/events/records.ts";
import type { BaseFacts, Decision, DefineFacts, Facts, StepResults } from "../../src/commands/rules/decision.ts";
import type { ChangedFile } from "../../src/commands/rules/logged-file.ts";
import { decide, ruleOf } from "../../src/commands/rules/rules.ts";
import type { Supports } from "../../src/drivers/driver.ts";
import { apply } from "../../src/projections/domain.ts";
import type { Fold } from "../../src/projections/layers.ts";
import { garbage, headOf, layerOf } from "../../src/projections/layers.ts";
import { emptyState } from "../../src/projections/state.ts";

/** Every file's size in these specs counts in these: what one `written()` adds to a head. */
export const block = 64 * 1024;
/** An empty overlay, a saved memory, a base image's file. */
export const sizes = { overlay: 192 * 1024, memory: 1024 * 1024, base: 4 * block };
export const domainId = "00000000-0000-7000-8000-00000000d0d0";
const actor = { user: "ann", uid: 1000, loginUid: 1000, sudoUser: null, host: "h", via: "test", knownBy: "process" };

/** One domain's history in the making: every command is decided by its rule, its outcome made a record and folded. */
export class World {
  readonly state = emptyState(domainId);
  /** Milliseconds since 1970. It stands still unless a step moves it. */
  now = Date.parse("2026-03-24T13:16:46.000Z");
  supports: Supports = { guests: true, memory: true, compression: ["zlib", "zstd"], memoryCompression: ["zstd"] };
  /** What a merge into the base sees otherwise than by default: there, writable, nobody else's. */
  bases: Record<Target, Partial<BaseFacts>> = {};
  /** Frozen files that differ from the log. */
  changed: readonly ChangedFile[] = [];
  /** Heads that were left half-way. */
  toRepair: readonly Target[] = [];
  /** What a definition sees otherwise than by default: a free name, and images that are nobody's. */
  define: Partial<DefineFacts> = {};
  /** Virtual size of each base image. */
  baseBytes: Record<Target, number> = {};
  /** What the guest did to each head since it was made. */
  readonly #writes = new Map<LayerId, { bytes: number; virtualBytes: number }>();
  #ids = 0;

  readonly newId = (): string => `00000000-0000-7000-8000-${String(++this.#ids).padStart(12, "0")}`;

  decide(command: Command): Decision {
    const facts = this.facts(command);
    const decision = decide(this.state, facts, command, this);
    // A rule's own half refuses nothing: an operation that began before there was this refusal is finished all the same.
    if ("refused" in decision && decision.refused.code !== "SNAPSHOT_NOT_FOUND")
      ruleOf(command).decide(this.state, facts, command, this);
    return decision;
  }

  /** Decides, makes the files and folds the outcome in; a refusal is a fault of the spec. */
  execute(command: Command): void {
    const decision = this.decide(command);
    if ("refused" in decision) throw new Error(`${command.type}: ${decision.refused.message}`);
    const { plan, outcome } = decision.accepted;
    this.record(outcome(this.make(command, plan.steps)));
  }

  record(event: DomainEvent): void {
    const { position, revision } = this.state;
    const next = { position: position + 1, revision: revision + 1, id: this.newId(), domain: domainId };
    const hashes = { previousHash: "", hash: "" };
    const asked = { actor, reason: null, ticket: null, operation: null, commandId: null };
    const record: EventRecord = { ...next, time: this.#time(), ...hashes, ...asked, ...event };
    apply(this.state, record);
  }

  write(target: Target): void {
    const { bytes, virtualBytes } = this.#writesOf(target);
    this.#writes.set(headOf(this.state, target).id, { bytes: bytes + block, virtualBytes });
  }

  resize(target: Target, byBytes: number): void {
    const { bytes, virtualBytes } = this.#writesOf(target);
    this.#writes.set(headOf(this.state, target).id, { bytes, virtualBytes: virtualBytes + byBytes });
  }

  /** One fold as compaction does it: `into` grows to hold `from`, and a layer, but never a base, is cut to its size. */
  fold({ target, from, into, dependents, snapshots }: Fold): void {
    const grown = Math.max(into.file.virtualBytes, from.file.virtualBytes);
    const virtualBytes = into.backing === null ? grown : from.file.virtualBytes;
    const file = { ...into.file, virtualBytes, bytes: Math.max(into.file.bytes, from.file.bytes) };
    const repointed = dependents.map(({ id, file }) => ({ layer: id, file }));
    const done = { target, from: from.id, into: into.id, generation: into.generation + 1 };
    this.record({ type: "LayersCompacted", schema: 1, data: { ...done, file, repointed, snapshots } });
  }

  /** Unlinks what nobody reaches, as clean-up does after every event. */
  cleanUp(): void {
    const layers = garbage(this.state).map(({ id, file: { path, bytes } }) => ({ layer: id, path, bytes }));
    const memories = this.state.looseMemories.map((memory) => ({ layer: null, ...memory }));
    const files = [...layers, ...memories];
    if (files.length > 0) this.record({ type: "LayersRemoved", schema: 1, data: { files } });
  }

  facts(command: Command): Facts {
    const { state, supports } = this;
    const heads = Object.fromEntries(state.disks.map((target) => [target, this.headFile(target)]));
    const bases = Object.fromEntries(state.disks.map((target) => [target, this.#base(target)]));
    const facts = {
      time: this.#time(),
      supports,
      guest: state.guest,
      heads,
      freeBytes: 1e12,
      bases,
      changed: this.changed,
      toRepair: this.toRepair,
    };
    return command.type === "DefineDomain" ? { ...facts, define: this.#definition(command) } : facts;
  }

  /** The head's file as it is now. */
  headFile(target: Target): FileFacts {
    const { file } = headOf(this.state, target);
    const { bytes, virtualBytes } = this.#writesOf(target);
    return { ...file, bytes: file.bytes + bytes, virtualBytes: file.virtualBytes + virtualBytes };
  }

  /** What the steps would have made: overlays are empty, a compressed layer is half as large. */
  make(command: Command, steps: readonly Step[]): StepResults {
    const files = new Map<LayerId, FileFacts>();
    let memory: MemoryFile | null = null;
    for (const step of steps) {
      if (step.step === "overlay") files.set(step.layer, fileAt(step.path, sizes.overlay, step.virtualBytes));
      else if (step.step === "compress") {
        const head = this.headFile(step.target);
        files.set(step.layer, fileAt(step.path, head.bytes / 2, head.virtualBytes));
      } else {
        for (const { target } of step.overlays) files.set(headOf(this.state, target).id, this.headFile(target));
        const { memoryPath: path, memoryCompression: compression } = step;
        if (path !== null) memory = { path, bytes: sizes.memory, ...(compression && { compression }) };
      }
    }
    return { files, memory };
  }

  #time(): string {
    return new Date(this.now).toISOString();
  }

  #writesOf(target: Target): { bytes: number; virtualBytes: number } {
    return this.#writes.get(headOf(this.state, target).id) ?? { bytes: 0, virtualBytes: 0 };
  }

  #base(target: Target): BaseFacts {
    const { file } = layerOf(this.state, this.state.bases[target]);
    return { file, writable: true, users: [], ...this.bases[target] };
  }

  #definition({ disks }: DefineDomain): DefineFacts {
    const images = Object.fromEntries(
      disks.map(({ target, path }) => {
        const file = fileAt(path, sizes.base, this.baseBytes[target] ?? sizes.base);
        return [target, { file, chain: [], writable: true }];
      }),
    );
    return { images, taken: null, ours: [], pending: [], layersFolder: "/layers", ...this.define };
  }
}

function fileAt(path: string, bytes: number, virtualBytes: number): FileFacts {
  return { path, format: "qcow2", bytes, virtualBytes, device: "1", inode: path, mtimeNs: "0" };
}
