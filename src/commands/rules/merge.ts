import type { MergeSnapshot } from "../../events/command.ts";
import type { Affected, Sets } from "../../events/records.ts";
import { headsOf, layerOf, layersOf, reachable } from "../../projections/layers.ts";
import type { DomainState, Layer, Snapshot } from "../../projections/state.ts";
import { childrenOf, findSnapshot, refOf, snapshotOf } from "../../projections/tree.ts";
import { checkBase } from "./base-image.ts";
import type { Facts } from "./decision.ts";
import { namedSnapshot } from "../../projections/views/views.ts";
import { accept } from "./decision.ts";
import {
  checkHeads,
  checkUnchanged,
  currentOf,
  headPaths,
  headsAffected,
  headsAreDirty,
  moveTo,
  refOrNull,
  refuseRunning,
} from "./heads.ts";
import {
  affectedBases,
  affectedContent,
  affectedMemory,
  affectedSnapshot,
  filesOf,
  refuseIfLost,
  withDescendants,
} from "./affected.ts";
import type { CommandRule } from "./rule.ts";

/**
 * MERGE, MERGE_FORCE: S's content goes into T, its parent or the base images. T keeps its name and place and takes
 * S's layers, memory and state; what stood on S stands on T. "If other snapshots would be discarded because of this
 * MERGE action, this operation will fail" (the RFC), unless forced.
 */
export const mergeSnapshot: CommandRule<MergeSnapshot> = {
  permit(state, facts, command) {
    const { merged, into, sets, headsMove } = mergeEffect(state, facts, command);
    // Heads on S stay, and what they read is folded.
    if (state.current === merged.id || !(command.force || command.discardChanges)) checkHeads(state, facts);
    refuseIfLost(sets.orphaned, command, {
      ...{ subject: `Merging "${merged.name}" into ${into ? `"${into.name}"` : "the base image"}` },
      ...{ code: "MERGE_WOULD_ORPHAN", force: "--mergeforce" },
      facts: { snapshot: merged.name, into: into?.name ?? null },
    });
    checkUnchanged(state, facts);
    if (into === null) checkBase(state, facts, merged);
    if (headsMove && facts.guest !== "off") refuseRunning(state, "its heads would have to move");
  },
  decide(state, facts, command, ids) {
    const { merged, into, sets, discarded, headsMove } = mergeEffect(state, facts, command);
    const move = headsMove ? moveTo(state, into, ids, merged) : null;
    const parts = { sets, folds: foldsOf(state, merged, into), spaceBytes: foldBytes(state, merged) };
    // The target's memory belongs to disks that are gone; the base image has no place for one.
    const memory = (into ?? merged).memory;
    const gone = [...filesOf(state, discarded), ...(memory ? [memory.path] : [])];
    const removes = [...(move ? headPaths(state) : []), ...gone];
    return accept({ ...parts, steps: move?.steps ?? [], removes }, (made) => ({
      type: "SnapshotMerged",
      schema: 1,
      data: {
        ...{ snapshot: refOf(merged), into: refOrNull(into), sets },
        children: childrenOf(state, merged.id).map(refOf),
        discarded: discarded.map(refOf),
        moved: move?.moved(made) ?? null,
        current: refOrNull(headsMove || state.current === merged.id ? into : currentOf(state)),
      },
    }));
  },
  touches(state, { snapshot }) {
    const merged = findSnapshot(state, snapshot);
    if (!merged) return { standsOn: [] };
    const into = parentOf(state, merged);
    const layers = layersOf(state, merged);
    return {
      ...{ heads: headsOf(state), layers, rewritten: into ? layersOf(state, into) : [] },
      ...{ standsOn: [...layers, ...layersOn(state, layers)], bases: into === null },
    };
  },
};

function parentOf(state: DomainState, { parent }: Snapshot): Snapshot | null {
  return parent === null ? null : snapshotOf(state, parent);
}

/** Layers that are re-pointed once these are folded. */
function layersOn(state: DomainState, layers: readonly Layer[]): Layer[] {
  const ids = new Set(layers.map(({ id }) => id));
  return [...reachable(state)].map((id) => layerOf(state, id)).filter(({ backing }) => ids.has(backing ?? ""));
}

interface MergeEffect {
  readonly merged: Snapshot;
  readonly into: Snapshot | null;
  readonly sets: Sets;
  /** Every other branch on T. */
  readonly discarded: readonly Snapshot[];
  /** Heads on T, or on a branch that goes, become fresh heads on T's new layers. */
  readonly headsMove: boolean;
}

/** Pure: what merging S into T does to everything that stands on T. */
function mergeEffect(state: DomainState, facts: Facts, { snapshot }: MergeSnapshot): MergeEffect {
  const merged = namedSnapshot(state, snapshot);
  const into = parentOf(state, merged);
  const siblings = childrenOf(state, into?.id ?? null).filter(({ id }) => id !== merged.id);
  const discarded = withDescendants(state, siblings);
  const onInto = state.current === (into?.id ?? null);
  const headsMove = onInto || discarded.some(({ id }) => id === state.current);
  const onMerged = state.current === merged.id;
  const dirty = headsAreDirty(state, facts);
  const heads = headsAffected(state, facts);
  const orphaned = [...discarded.map((one) => affectedSnapshot(state, one)), ...(headsMove && dirty ? [heads] : [])];
  const children = childrenOf(state, merged.id).map((child) => affectedSnapshot(state, child));
  const movedHeads = onMerged || (onInto && !dirty) ? [heads] : [];
  const old: Affected[] = into
    ? [affectedContent(state, into), ...affectedMemory(into)]
    : [...affectedBases(state), ...affectedMemory(merged)];
  const rewritten = into ? [affectedSnapshot(state, into)] : affectedBases(state);
  return {
    ...{ merged, into },
    sets: { rewritten, orphaned, reparented: [...children, ...movedHeads], destroyed: old },
    discarded,
    headsMove,
  };
}

function foldsOf(state: DomainState, merged: Snapshot, into: Snapshot | null) {
  const below = layersOf(state, into);
  return layersOf(state, merged).map(({ target, file }, i) => ({
    ...{ target, from: file.path, into: below[i]?.file.path ?? "" },
  }));
}

/** A fold writes at most what the merged layers hold into the files below them. */
function foldBytes(state: DomainState, merged: Snapshot): number {
  return layersOf(state, merged).reduce((sum, { file }) => sum + file.bytes, 0);
}
