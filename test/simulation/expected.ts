import type { ErrorCode } from "../../src/errors.ts";
import type { Command, CreateSnapshot, DefineDomain } from "../../src/events/command.ts";
import type { GuestState } from "../../src/events/records.ts";
import { applyModel, copyOf, newModel, resizeModel, writeModel } from "../support/model.ts";
import type { Content, Model } from "../support/model.ts";
import { baseImage, chainOf, fileOf } from "./bases.ts";

/**
 * What must be true of all domains, told in whole contents and names (test/support/model.ts), and none of the project's own
 * projections. It is told what guests write, which commands were given and which of them were decided; of an event only
 * the names that the project made up.
 */

/** Limits that short runs reach; the project's own are lowered to these. */
export const limits = { chainLayers: 5, snapshots: 7 };

export interface ExpectedDomain {
  readonly id: string;
  readonly name: string;
  readonly disks: readonly { readonly target: string; readonly path: string }[];
  readonly model: Model;
  /** What the guest's memory held when a snapshot was taken with it. */
  readonly memories: Map<string, number>;
  /** The sizes of the heads when they were made, and whether they were written to since. */
  sizes: Readonly<Record<string, number>>;
  written: boolean;
  /** Recovery recorded the heads: nobody knows how long they were when they were made, and so they count as written to. */
  unmeasured: boolean;
  /** A running guest was moved to new files, and no event says so yet: what its disks and its memory held then. */
  frozen: { readonly heads: Content; readonly memory: number } | null;
}

/** Why a command is refused: `must` for what is certain, `may` for what hangs on how far folds have come. */
export interface Verdict {
  readonly must: ReadonlySet<ErrorCode>;
  readonly may: ReadonlySet<ErrorCode>;
}

/** What the project called the snapshot that it had to find a name for. */
export interface Names {
  readonly created: string | null;
  readonly saved: string | null;
  /** Recovery recorded heads of which nobody knows how they were made: they count as dirty. */
  readonly unmeasured: boolean;
}

/** What reality alone can tell. */
export interface Reality {
  guest(domain: string): GuestState;
  /** Folds of the domain are still to be done. */
  isFolding(domain: string): boolean;
  /** The base image does not hold yet what it must. */
  isBehind(path: string): boolean;
  /** Domains that are being defined on, and merged into, these files by an operation that has begun. */
  defining(): readonly { readonly id: string; readonly command: DefineDomain }[];
  merging(): readonly string[];
}

export class Expected {
  readonly domains = new Map<string, ExpectedDomain>();
  /** By file. A file whose backing file was rewritten under it is nobody's any more. */
  readonly bases: Map<string, readonly number[]>;
  /** What files that undefine left on disk must hold, and the base images they stand on. */
  readonly kept: { readonly path: string; readonly base: string; readonly sectors: readonly number[] | null }[] = [];
  /** Base images that a domain was undefined from before they held what had been merged into them. */
  readonly #unmerged = new Set<string>();
  readonly #reality: Reality;

  constructor(bases: Map<string, readonly number[]>, reality: Reality) {
    this.bases = bases;
    this.#reality = reality;
  }

  named(nameOrId: string): ExpectedDomain | undefined {
    return this.domains.get(nameOrId) ?? [...this.domains.values()].find(({ name }) => name === nameOrId);
  }

  at(id: string): ExpectedDomain {
    const domain = this.domains.get(id);
    if (!domain) throw new Error(`the model has no domain ${id}`);
    return domain;
  }

  write(id: string, target: string, sector: number, byte: number): void {
    const domain = this.at(id);
    writeModel(domain.model, target, [sector], byte);
    domain.written = true;
  }

  /** `wrote`: the tool had to write to the file for it. */
  resize(id: string, target: string, sectors: number, wrote: boolean): void {
    const domain = this.at(id);
    domain.written ||= wrote;
    resizeModel(domain.model, target, sectors);
    domain.model.dirty = domain.written || isResized(domain);
  }

  freeze(id: string, memory: number): void {
    const domain = this.at(id);
    domain.frozen = { heads: domain.model.heads, memory };
    domain.written = false;
    domain.unmeasured = false;
  }

  define(id: string, { name, disks }: DefineDomain): void {
    const model = newModel(this.#contents(disks));
    const sizes = sizesOf(model.heads);
    const fresh = { written: false, unmeasured: false, frozen: null };
    this.domains.set(id, { id, name, disks, model, memories: new Map(), sizes, ...fresh });
  }

  #contents(disks: DefineDomain["disks"]): Content {
    return Object.fromEntries(disks.map(({ target, path }) => [target, this.bases.get(fileOf(path)) ?? []]));
  }

  /** The command was decided. */
  decided(id: string, command: Command, names: Names): string | null {
    const domain = this.at(id);
    const { model, memories } = domain;
    switch (command.type) {
      case "UndefineDomain":
        this.domains.delete(id);
        return null;
      case "CreateSnapshot":
        return this.#created(domain, { ...command, name: names.created ?? command.name }, names.unmeasured);
      case "CreateWithSnapshot":
      case "DeactivateSnapshot":
      case "MergeSnapshot":
      case "DiscardSnapshot":
        break;
      default:
        return null;
    }
    model.base = this.#contents(domain.disks as DefineDomain["disks"]);
    const before = new Set(model.snapshots.keys());
    const heads = model.heads;
    const into = command.type === "MergeSnapshot" ? (model.snapshots.get(command.snapshot)?.parent ?? null) : null;
    const memory = "snapshot" in command ? memories.get(command.snapshot) : undefined;
    const refusal = applyModel(model, command);
    if (refusal !== null) return `the model refuses it: ${refusal}`;
    if (command.type === "MergeSnapshot" && into === null) this.#rewrite(domain);
    if (command.type === "MergeSnapshot" && into !== null) setOrDelete(memories, into, memory);
    for (const name of memories.keys()) if (!model.snapshots.has(name)) memories.delete(name);
    const saved = [...model.snapshots.keys()].find((name) => !before.has(name));
    if (saved !== undefined && names.saved !== null) rename(model, saved, names.saved);
    if ((saved === undefined) !== (names.saved === null))
      return saved === undefined ? "there was nothing to keep as an autosave" : "unsaved changes were not kept";
    if (model.heads !== heads) {
      domain.sizes = sizesOf(model.heads);
      domain.written = false;
      domain.unmeasured = false;
    }
    return null;
  }

  #created(domain: ExpectedDomain, command: CreateSnapshot, unmeasured: boolean): string | null {
    const { model, memories, frozen } = domain;
    const now = model.heads;
    if (frozen) model.heads = frozen.heads;
    const refusal = applyModel(model, command);
    if (refusal !== null) return `the model refuses it: ${refusal}`;
    domain.sizes = sizesOf(model.heads);
    if (frozen) {
      if (!command.diskOnly) memories.set(command.name ?? "", frozen.memory);
      model.heads = now;
      domain.unmeasured = unmeasured;
      domain.written ||= unmeasured;
      model.dirty = domain.written || isResized(domain);
      domain.frozen = null;
    } else {
      domain.written = false;
      domain.unmeasured = false;
    }
    return null;
  }

  /** What the base image of each disk now holds; who stood on it without being asked is spoiled. */
  #rewrite({ disks, model }: ExpectedDomain): void {
    for (const { target, path } of disks) {
      const file = fileOf(path);
      this.bases.set(file, model.base[target] ?? []);
      for (const other of this.bases.keys())
        if (other !== file && chainOf(other).includes(file)) this.bases.delete(other);
    }
  }

  /** The domain goes, and nobody will fold any more: what these disks' base images hold is nobody's promise. */
  leaveUnmerged(id: string, targets: readonly string[]): void {
    for (const { target, path } of this.at(id).disks) {
      if (!targets.includes(target)) continue;
      this.bases.delete(fileOf(path));
      this.#unmerged.add(fileOf(path));
    }
  }

  /** How often each file is stood on, by disks of domains, by those being defined, and by files left on disk. */
  users(file: string): number {
    const disks = [...this.domains.values()].flatMap((domain) => domain.disks);
    const defining = this.#reality.defining().flatMap(({ command }) => command.disks);
    const paths = [...disks, ...defining].map(({ path }) => path);
    const left = new Set(this.kept.map(({ base }) => base));
    return [...paths, ...left].filter((path) => chainOf(path).includes(file)).length;
  }

  verdict(id: string, command: Command): Verdict {
    const must = new Set<ErrorCode>();
    const may = new Set<ErrorCode>();
    if (command.type === "DefineDomain") {
      this.#whyNotDefined(command, must, may);
      return { must, may };
    }
    const domain = this.domains.get(id);
    if (!domain) return { must: must.add("DOMAIN_NOT_FOUND"), may };
    if (command.type === "RecoverDomain" || command.type === "CompactDomain") return { must, may };
    this.#whyNot(domain, command, must, may);
    return { must, may };
  }

  #whyNotDefined(command: DefineDomain, must: Set<ErrorCode>, may: Set<ErrorCode>): void {
    if (this.named(command.name) || this.domains.has(command.uuid)) must.add("DOMAIN_EXISTS");
    const rivals = this.#reality.defining().filter(({ id }) => id !== command.uuid);
    if (rivals.some((rival) => rival.command.name === command.name)) must.add("DOMAIN_EXISTS");
    for (const { path } of command.disks) {
      if (baseImage(path)?.torn) must.add("IMAGE_INVALID");
      if (!baseImage(path)) {
        must.add("IMAGE_IN_USE");
        may.add("FILE_NOT_FOUND").add("IMAGE_INVALID");
      }
      for (const file of chainOf(path)) {
        const behind = this.#unmerged.has(file) || this.#reality.isBehind(file);
        if (behind || this.#reality.merging().includes(file)) must.add("BASE_PENDING");
        else if ([...this.domains.values()].some(({ id }) => this.#reality.isFolding(id))) may.add("BASE_PENDING");
      }
    }
  }

  #whyNot(domain: ExpectedDomain, command: Command, must: Set<ErrorCode>, may: Set<ErrorCode>): void {
    const { model, id } = domain;
    const guest = this.#reality.guest(id);
    const runs = guest !== "off";
    const folding = this.#reality.isFolding(id);
    if ("snapshot" in command && !model.snapshots.has(command.snapshot)) {
      must.add("SNAPSHOT_NOT_FOUND");
      if (runs) may.add("DOMAIN_RUNNING");
      return;
    }
    switch (command.type) {
      case "UndefineDomain":
        if (runs) must.add("DOMAIN_RUNNING");
        if (folding && command.keep !== "keep-files") must.add("COMPACTION_UNFINISHED");
        if (command.keep !== "refuse") return;
        if (model.snapshots.size > 0) must.add("DOMAIN_HAS_SNAPSHOTS");
        if (model.dirty) must.add("HEADS_DIRTY");
        return;
      case "CreateSnapshot":
        if (command.name !== null && model.snapshots.has(command.name)) must.add("SNAPSHOT_EXISTS");
        if (!runs && !command.offline) must.add("DOMAIN_NOT_RUNNING");
        if (command.quiesce) must.add("UNSUPPORTED");
        if (runs && (command.compression !== null || command.compress === true) && !compresses(command))
          must.add("UNSUPPORTED_COMPRESSION");
        return this.#whyNoMore(domain, folding, must, may);
      case "CreateWithSnapshot":
        if (runs) must.add("DOMAIN_RUNNING");
        if (model.dirty && !command.discardChanges) this.#whyNoMore(domain, folding, must, may);
        return;
      case "DeactivateSnapshot":
        if (!standsOn(model, command.snapshot)) return;
        if (runs) must.add("DOMAIN_RUNNING");
        if (model.dirty && !command.discardChanges) this.#whyNoMore(domain, folding, must, may);
        return;
      case "MergeSnapshot":
      case "DiscardSnapshot": {
        const after = copyOf(model);
        const refusal = applyModel(after, command);
        if (refusal !== null) must.add(refusal);
        const through = standsOn(model, command.snapshot);
        const into = model.snapshots.get(command.snapshot)?.parent ?? null;
        const beside = !through && (into === null || standsOn(model, into));
        if (runs && (command.type === "DiscardSnapshot" ? through : beside)) must.add("DOMAIN_RUNNING");
        const merged = model.snapshots.get(command.snapshot);
        if (command.type === "MergeSnapshot" && merged?.parent === null)
          this.#whyNotIntoBase(domain, merged.content, folding, must, may);
        return;
      }
      case "StartDomain":
        if (runs) must.add("DOMAIN_RUNNING");
        return;
      case "DestroyDomain":
        if (!runs) must.add("DOMAIN_NOT_RUNNING");
        return;
      case "ShutdownDomain":
      case "SuspendDomain":
        if (guest !== "running") must.add("DOMAIN_NOT_RUNNING");
        return;
      case "ResumeDomain":
        if (!runs) must.add("DOMAIN_NOT_RUNNING");
        if (guest === "running") must.add("DOMAIN_RUNNING");
        return;
      default:
        return;
    }
  }

  #whyNotIntoBase(
    { disks }: ExpectedDomain,
    merged: Content,
    folding: boolean,
    must: Set<ErrorCode>,
    may: Set<ErrorCode>,
  ): void {
    if (folding) may.add("COMPACTION_UNFINISHED");
    for (const { target, path } of disks) {
      if (this.users(fileOf(path)) > 1) must.add("BASE_IMAGE_SHARED");
      if (baseImage(path)?.writable === false) must.add("BASE_IMAGE_READ_ONLY");
      const larger = (this.bases.get(fileOf(path)) ?? []).length > (merged[target] ?? []).length;
      // An earlier merge that is not in the file yet has not made it larger: what it brings is folded away before.
      if (larger) (folding ? may : must).add("BASE_IMAGE_LARGER");
    }
    if (folding) may.add("BASE_IMAGE_LARGER");
  }

  /** Whether one snapshot more may be made of the heads. */
  #whyNoMore({ model }: ExpectedDomain, folding: boolean, must: Set<ErrorCode>, may: Set<ErrorCode>): void {
    if (model.snapshots.size >= limits.snapshots) must.add("TOO_MANY_SNAPSHOTS");
    let depth = 1;
    for (let at = model.current; at !== null; at = model.snapshots.get(at)?.parent ?? null) depth++;
    if (depth > limits.chainLayers) must.add("CHAIN_TOO_DEEP");
    else if (folding) may.add("CHAIN_TOO_DEEP");
  }
}

/** A running guest's memory is compressed by zstd, its disks by nothing. */
function compresses({ compression, diskOnly }: CreateSnapshot): boolean {
  return !diskOnly && (compression === null || compression === "zstd");
}

/** Whether the heads stand on it, or on what hangs on it. */
export function standsOn(model: Model, name: string): boolean {
  for (let at = model.current; at !== null; at = model.snapshots.get(at)?.parent ?? null) if (at === name) return true;
  return false;
}

function sizesOf(content: Content): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(content).map(([target, sectors]) => [target, sectors.length]));
}

function isResized({ model, sizes }: ExpectedDomain): boolean {
  return Object.entries(model.heads).some(([target, sectors]) => sectors.length !== sizes[target]);
}

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** In its place: what hangs on it hangs on it still. */
function rename(model: Model, from: string, to: string): void {
  const snapshot = model.snapshots.get(from);
  if (!snapshot || from === to) return;
  model.snapshots.delete(from);
  model.snapshots.set(to, snapshot);
  for (const one of model.snapshots.values()) if (one.parent === from) one.parent = to;
  if (model.current === from) model.current = to;
}
