import type { EventRecord, MovedHeads, RecordedFacts, RecordOf } from "../events/events.ts";
import type { LayerId, SnapshotId, Target } from "../events/ids.ts";
import type { Compression, FileFacts, LayerFile, MemoryFile, NewSnapshot } from "../events/records.ts";
import { keepingUses } from "./layer-uses.ts";
import { emptyState } from "./state.ts";
import type { DomainState, Layer, Snapshot } from "./state.ts";

/** Changes with every change of `apply` or of the state's shape: cached states of another version are thrown away. */
export const foldVersion = 7;

/**
 * What one event means, by changing the state it is given: a plain one in bulk, a draft inside immer's `produce`.
 * It never refuses: what is in the log has happened. Records of other domains are not for it.
 */
export function apply(state: DomainState, record: EventRecord): void {
  const keepUses = keepingUses(state, record);
  fold(state, record);
  keepUses?.();
}

function fold(state: DomainState, record: EventRecord): void {
  state.position = record.position;
  state.hash = record.hash;
  state.revision = record.revision ?? state.revision;
  if (state.operation?.id === record.operation && endsOperation(record)) state.operation = null;
  switch (record.type) {
    case "DomainDefined":
      return applyDefined(state, record);
    case "DomainUndefined":
      return applyUndefined(state, record);
    case "DomainStarted":
      state.guest = record.data.state;
      return;
    case "DomainStopped":
      state.guest = "off";
      return;
    case "DomainSuspended":
      state.guest = "paused";
      return;
    case "DomainResumed":
      state.guest = "running";
      return;
    case "SnapshotCreated":
      addSnapshot(state, record, record.data.snapshot);
      return moveHeads(state, { heads: record.data.heads, current: record.data.snapshot });
    case "HeadsMoved":
      if (record.data.autosave) addSnapshot(state, record, record.data.autosave);
      return moveHeads(state, { heads: record.data.heads, current: record.data.to });
    case "SnapshotDeactivated": {
      if (record.data.autosave) addSnapshot(state, record, record.data.autosave);
      const snapshot = state.snapshots.get(record.data.snapshot.id);
      if (snapshot) snapshot.active = false;
      return moveHeads(state, record.data.moved);
    }
    case "SnapshotMerged":
      return applyMerged(state, record);
    case "SnapshotDiscarded":
      for (const { id } of record.data.discarded) loosenMemory(state, removeSnapshot(state, id)?.memory);
      return moveHeads(state, record.data.moved);
    case "FoldStarted": {
      const { target, from, into, repoint } = record.data;
      state.begunFolds[target] = { from, into, repoint };
      state.announcesFolds = true;
      return;
    }
    case "LayersCompacted":
      return applyCompacted(state, record);
    case "LayersRemoved":
      return applyRemoved(state, record);
    case "OperationStarted":
      return applyStarted(state, record);
    case "OperationFailed":
    case "CommandRejected":
    case "EvidenceExported":
    case "LogCreated":
    case "LogSalvaged":
    case "LogRolledBack":
    case "LogRestored":
      return;
  }
}

/** Folds records, in order, into the state they are of. */
export function applyAll(state: DomainState, records: Iterable<EventRecord>): DomainState {
  for (const record of records) apply(state, record);
  return state;
}

export function endsOperation({ type }: EventRecord): boolean {
  return !["OperationStarted", "CommandRejected", "FoldStarted", "LayersCompacted", "LayersRemoved"].includes(type);
}

function applyStarted(state: DomainState, record: RecordOf<"OperationStarted">): void {
  if (record.operation === null) return;
  const { command, facts, plan } = record.data;
  if (command.type === "DefineDomain" && !state.defined) state.name = command.name;
  if (command.type === "MergeSnapshot") seeBases(state, facts);
  if ("changed" in facts) state.announcesFolds = true;
  state.operation = {
    id: record.operation,
    command,
    plan,
    position: record.position,
    since: record.time,
    actor: record.actor,
  };
}

/** What a merge into them was decided on: a base image that was put back from a backup has another inode since. */
function seeBases(state: DomainState, facts: RecordedFacts): void {
  for (const [target, file] of Object.entries(basesSeen(facts))) {
    const base = state.layers.get(state.bases[target] ?? "");
    if (base) base.file = file;
  }
}

/** The rules record what they saw of each disk's base image as `bases`. */
export function basesSeen(facts: RecordedFacts): Record<Target, FileFacts> {
  const { bases = {} } = facts as { bases?: Record<Target, { file: FileFacts | null }> };
  return Object.fromEntries(Object.entries(bases).flatMap(([target, { file }]) => (file ? [[target, file]] : [])));
}

function applyDefined(state: DomainState, { data }: RecordOf<"DomainDefined">): void {
  const { id, revision, position, hash, kept, layers, looseMemories } = state;
  // Files of its life before that could not be removed yet are still there to be removed.
  for (const [layer, { backing }] of layers) if (backing === null) layers.delete(layer);
  Object.assign(state, emptyState(id), { revision, position, hash, kept, layers, looseMemories, defined: true });
  const { name, driver, memoryMib, vcpus, accelerator = null, guestAgent = false, layersFolder, unmanaged } = data;
  Object.assign(state, { name, driver, memoryMib, vcpus, accelerator, guestAgent, layersFolder, unmanaged });
  for (const { target, base, image, head } of data.disks) {
    state.disks.push(target);
    state.layers.set(base, { id: base, target, file: image.file, backing: null, generation: 0, compression: null });
    state.bases[target] = base;
    state.baseRoles[target] = base;
    state.baseChains[target] = image.chain;
    putLayer(state, head, null);
    state.heads[target] = head.layer;
  }
}

function applyUndefined(state: DomainState, { data }: RecordOf<"DomainUndefined">): void {
  for (const snapshot of state.snapshots.values()) loosenMemory(state, snapshot.memory);
  if (data.kept.length > 0) {
    state.kept.push(...data.kept);
    state.layers.clear();
    state.looseMemories = [];
  }
  Object.assign(state, {
    defined: false,
    disks: [],
    bases: {},
    baseRoles: {},
    baseFolds: {},
    heads: {},
    begunFolds: {},
    current: null,
  });
  state.snapshots.clear();
  state.children.clear();
  state.byName.clear();
}

function applyMerged(state: DomainState, { data }: RecordOf<"SnapshotMerged">): void {
  for (const { id } of data.discarded) loosenMemory(state, removeSnapshot(state, id)?.memory);
  const into = data.into?.id ?? null;
  for (const child of data.children) hang(state, child.id, into);
  const merged = removeSnapshot(state, data.snapshot.id);
  if (merged) takeContent(state, into, merged);
  if (data.moved) moveHeads(state, data.moved);
  else setCurrent(state, data.current?.id ?? null);
}

/** The merge's target, or the base role, refers to what the merged snapshot referred to. */
function takeContent(state: DomainState, into: SnapshotId | null, merged: Snapshot): void {
  if (into === null) {
    state.baseRoles = { ...merged.layers };
    loosenMemory(state, merged.memory);
    return;
  }
  const target = state.snapshots.get(into);
  if (!target) return;
  loosenMemory(state, target.memory);
  const { layers, memory, createdAt, position } = merged;
  Object.assign(target, { layers, memory, state: merged.state, createdAt, position });
}

function applyCompacted(state: DomainState, { data, position }: RecordOf<"LayersCompacted">): void {
  const { target, from, into } = data;
  if (state.begunFolds[target]?.into === into) state.begunFolds[target] = null;
  const layer = state.layers.get(into);
  if (layer) Object.assign(layer, { file: data.file, generation: data.generation, compression: null });
  for (const repointed of data.repointed) {
    const dependent = state.layers.get(repointed.layer);
    if (!dependent) continue;
    dependent.backing = into;
    dependent.file = repointedFile(state, dependent, repointed.file);
  }
  for (const id of data.snapshots) {
    const snapshot = state.snapshots.get(id);
    if (snapshot) snapshot.layers[target] = into;
  }
  if (state.baseRoles[target] === from) state.baseRoles[target] = into;
  if (state.bases[target] === into) state.baseFolds[target] = position;
}

/** What a head measured when it was made is what tells whether it has been written to since. */
function repointedFile(state: DomainState, { id, target, file }: Layer, now: FileFacts): FileFacts {
  return state.heads[target] === id ? file : now;
}

function applyRemoved(state: DomainState, { data }: RecordOf<"LayersRemoved">): void {
  const paths = new Set(data.files.map(({ path }) => path));
  for (const { layer } of data.files) if (layer !== null) state.layers.delete(layer);
  state.looseMemories = state.looseMemories.filter(({ path }) => !paths.has(path));
}

function addSnapshot(state: DomainState, record: EventRecord, created: NewSnapshot): void {
  const { id, name, description, automatic, memory } = created;
  const layers: Record<Target, LayerId> = {};
  for (const layer of created.layers) {
    putLayer(state, layer, layer.compression);
    layers[layer.target] = layer.layer;
  }
  const { time: createdAt, position, actor, reason } = record;
  // In one literal: spread together, it takes several times as long (bench/subjects/replay.ts).
  state.snapshots.set(id, {
    id,
    name,
    description,
    parent: null,
    state: created.state,
    active: true,
    automatic,
    layers,
    memory,
    createdAt,
    position,
    actor,
    reason,
  });
  state.byName.set(name, id);
  hang(state, id, created.parent?.id ?? null);
}

function putLayer(state: DomainState, layer: LayerFile, compression: Compression | null): void {
  const { layer: id, target, backing, path, format, bytes, virtualBytes, device, inode, mtimeNs } = layer;
  const generation = state.layers.get(id)?.generation ?? 0;
  const file = { path, format, bytes, virtualBytes, device, inode, mtimeNs };
  state.layers.set(id, { id, target, file, backing, generation, compression });
}

function hang(state: DomainState, id: SnapshotId, parent: SnapshotId | null): void {
  const snapshot = state.snapshots.get(id);
  if (!snapshot) return;
  state.children.get(snapshot.parent)?.delete(id);
  snapshot.parent = parent;
  const siblings = state.children.get(parent);
  if (siblings) siblings.add(id);
  else state.children.set(parent, new Set([id]));
}

function removeSnapshot(state: DomainState, id: SnapshotId): Snapshot | undefined {
  const snapshot = state.snapshots.get(id);
  if (!snapshot) return undefined;
  state.children.get(snapshot.parent)?.delete(id);
  state.children.delete(id);
  state.byName.delete(snapshot.name);
  state.snapshots.delete(id);
  return snapshot;
}

function loosenMemory(state: DomainState, memory: MemoryFile | null | undefined): void {
  if (memory) state.looseMemories.push(memory);
}

function moveHeads(state: DomainState, moved: MovedHeads | null): void {
  if (!moved) return;
  for (const head of moved.heads) {
    putLayer(state, head, null);
    state.heads[head.target] = head.layer;
  }
  setCurrent(state, moved.current?.id ?? null);
}

/** What becomes current becomes active. */
function setCurrent(state: DomainState, id: SnapshotId | null): void {
  state.current = id;
  const snapshot = id === null ? undefined : state.snapshots.get(id);
  if (snapshot) snapshot.active = true;
}
