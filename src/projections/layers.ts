import type { LayerId, SnapshotId, Target } from "../events/ids.ts";
import { layerUses, namedRoots } from "./layer-uses.ts";
import type { DomainState, Layer, Snapshot } from "./state.ts";

/** The layer graph: who refers to which file, which files nobody reaches, and which folds are still to do. */

export function layerOf(state: DomainState, id: LayerId | undefined): Layer {
  const layer = id === undefined ? undefined : state.layers.get(id);
  if (!layer) throw new Error(`no layer ${id ?? "at all"} in domain ${state.id} at position ${state.position}`);
  return layer;
}

export function headOf(state: DomainState, target: Target): Layer {
  return layerOf(state, state.heads[target]);
}

/** Every disk's head, in the order of the disks. */
export function headsOf(state: DomainState): Layer[] {
  return state.disks.map((target) => headOf(state, target));
}

/** The layers that a snapshot, or for null the base images, stand on, in the order of the disks. */
export function layersOf(state: DomainState, snapshot: Snapshot | null): Layer[] {
  return state.disks.map((target) => layerOf(state, (snapshot?.layers ?? state.baseRoles)[target]));
}

/** Bytes that a snapshot holds on its own: its layers' files and its memory. */
export function bytesOf(state: DomainState, snapshot: Snapshot): number {
  const layers = layersOf(state, snapshot).reduce((sum, { file }) => sum + file.bytes, 0);
  return layers + (snapshot.memory?.bytes ?? 0);
}

/** Layers between a layer (itself counted) and the base image, anonymous ones among them. */
export function depthOf(state: DomainState, id: LayerId): number {
  let depth = 0;
  for (let layer = layerOf(state, id); layer.backing !== null; layer = layerOf(state, layer.backing)) depth++;
  return depth;
}

/** Layers that a snapshot, a head or a base role refers to. */
function referred(state: DomainState): Set<LayerId> {
  const found = new Set(namedRoots(state));
  for (const snapshot of state.snapshots.values()) for (const id of Object.values(snapshot.layers)) found.add(id);
  return found;
}

/** Layers that are referred to, and all that they are backed by. */
export function reachable(state: DomainState): Set<LayerId> {
  const found = new Set<LayerId>();
  for (const start of referred(state)) {
    for (let id: LayerId | null = start; id !== null && !found.has(id); id = layerOf(state, id).backing) found.add(id);
  }
  return found;
}

/** Files of ours that are there by the log and that nobody can reach. */
export function garbage(state: DomainState): Layer[] {
  const { garbage: unused } = layerUses(state);
  return unused.size === 0 ? [] : [...state.layers.values()].filter(({ id }) => unused.has(id));
}

/** Reachable layers that nothing names any more: each is a fold still to do. */
export function anonymous(state: DomainState): LayerId[] {
  return [...layerUses(state).anonymous];
}

/**
 * Why a fold is not to be done now, which stops nothing else. `guest`: A would have to be cut, and the running guest reads
 * it. `others`: A is a base image, and what lies between it and the layer whose content it must have is folded first.
 */
export type Waits = "guest" | "others";

/** B's content goes into A, which nothing names any more; then what stands on B stands on A. */
export interface Fold {
  readonly target: Target;
  /** A: reachable, but anonymous. */
  readonly into: Layer;
  /** B: the only reachable layer that A backs; never a head. */
  readonly from: Layer;
  /** Reachable layers and heads backed by B. */
  readonly dependents: readonly Layer[];
  /** Snapshots whose layer on this disk is B. */
  readonly snapshots: readonly SnapshotId[];
  /** null: it is to be done. */
  readonly waits: Waits | null;
}

/** An anonymous layer that has other than one dependent, or a head for it: a fault that must stop every fold. */
export class BrokenGraph extends Error {
  override readonly name = "BrokenGraph";
}

/** The layers that a running guest reads and writes, which QEMU holds; none when it is off. */
export function guestLayers(state: DomainState): Set<LayerId> {
  const found = new Set<LayerId>();
  if (state.guest === "off") return found;
  for (const target of state.disks) {
    for (let id: LayerId | null = headOf(state, target).id; id !== null; id = layerOf(state, id).backing) found.add(id);
  }
  return found;
}

/**
 * The folds still to do, those that wait among them: first what has begun, whose files are neither the one nor the other,
 * then the lowest of each chain. Throws BrokenGraph.
 */
export function pendingFolds(state: DomainState): Fold[] {
  const unnamed = new Set(anonymous(state));
  // Nearly always so, and every command asks several times.
  if (unnamed.size === 0) return [];
  const above = new Map<LayerId, Layer[]>();
  const kept = reachable(state);
  for (const id of kept) {
    const layer = layerOf(state, id);
    if (layer.backing === null) continue;
    const others = above.get(layer.backing);
    if (others) others.push(layer);
    else above.set(layer.backing, [layer]);
  }
  const held = guestLayers(state);
  const folds = [...kept].filter((id) => unnamed.has(id)).map((id) => foldInto(state, layerOf(state, id), above, held));
  const order = new Map(
    folds.map(({ into, from }) => [into, isBegun(state, into.id, from.id) ? 0 : depthOf(state, into.id) + 1]),
  );
  return folds.sort((a, b) => (order.get(a.into) ?? 0) - (order.get(b.into) ?? 0));
}

function foldInto(
  state: DomainState,
  into: Layer,
  above: ReadonlyMap<LayerId, Layer[]>,
  held: ReadonlySet<LayerId>,
): Fold {
  const [from, ...others] = above.get(into.id) ?? [];
  if (!from || others.length > 0) {
    throw new BrokenGraph(`anonymous layer ${into.id} backs ${from ? others.length + 1 : 0} layers instead of one`);
  }
  const { target } = into;
  if (state.heads[target] === from.id) throw new BrokenGraph(`anonymous layer ${into.id} backs a head`);
  const snapshots = [...state.snapshots.values()].filter((snapshot) => snapshot.layers[target] === from.id);
  const waits = waitsFor(state, into, from, held);
  return { target, into, from, dependents: above.get(from.id) ?? [], snapshots: snapshots.map(({ id }) => id), waits };
}

function waitsFor(state: DomainState, into: Layer, from: Layer, held: ReadonlySet<LayerId>): Waits | null {
  // A base image is never cut: it may only take a layer of the size that it is to have in the end.
  if (into.backing === null) return state.baseRoles[into.target] === from.id ? null : "others";
  const cut = into.file.virtualBytes > from.file.virtualBytes;
  return cut && held.has(into.id) && !isBegun(state, into.id, from.id) ? "guest" : null;
}

/** The log says that this fold has begun. */
export function isBegun(state: DomainState, into: LayerId, from: LayerId): boolean {
  return Object.values(state.begunFolds).some((fold) => fold?.into === into && fold.from === from);
}

/**
 * The layers whose files may differ from what the log says of them: those of folds that have begun, and heads. Where the
 * log is of a time when folds were not announced, the lowest fold of each disk may have begun.
 */
export function mayDiffer(state: DomainState, folds: readonly Fold[]): Set<LayerId> {
  const found = new Set<LayerId>(Object.values(state.heads));
  const seen = new Set<Target>();
  for (const { target, into, from, dependents } of folds) {
    const begun = state.begunFolds[target];
    if (begun?.into === into.id && begun.from === from.id) {
      for (const id of [into.id, from.id, ...begun.repoint]) found.add(id);
    } else if (!state.announcesFolds && !seen.has(target)) {
      for (const { id } of [into, from, ...dependents]) found.add(id);
    }
    seen.add(target);
  }
  return found;
}
