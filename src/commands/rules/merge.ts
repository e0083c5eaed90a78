import type { MergeSnapshot } from "../../events/command.ts";
import type { Affected, Sets } from "../../events/records.ts";
import { layersOf } from "../../projections/layers.ts";
import type { DomainState, Snapshot } from "../../projections/state.ts";
import { childrenOf, refOf, snapshotOf } from "../../projections/tree.ts";
import { checkBase } from "./base-image.ts";
import type { Accepted, Facts, Ids } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import {
  checkHeads,
  checkUnchanged,
  headPaths,
  headsAffected,
  headsAreDirty,
  moveTo,
  named,
  refOrNull,
  refuseRunning,
} from "./heads.ts";
import {
  affectedBases,
  affectedContent,
  affectedMemory,
  affectedSnapshot,
  filesOf,
  hintToLose,
  listAffected,
  orphanFacts,
  withDescendants,
} from "./affected.ts";

/**
 * MERGE, MERGE_FORCE: S's content goes into T, its parent or the base images. T keeps its name and place and takes
 * S's layers, memory and state; what hung on S hangs on T. "If other snapshots would be discarded because of this
 * MERGE action, this operation will fail" (the RFC), unless forced.
 */
export function mergeSnapshot(state: DomainState, facts: Facts, command: MergeSnapshot, ids: Ids): Accepted {
  const merged = named(state, command.snapshot);
  const into = merged.parent === null ? null : snapshotOf(state, merged.parent);
  const effect = mergeEffect(state, facts, merged, into);
  // Heads on S stay, and what they read is folded.
  if (state.current === merged.id || !(command.force || command.discardChanges)) checkHeads(state, facts);
  checkOrphans(merged, into, effect.sets.orphaned, command);
  checkUnchanged(state, facts);
  if (into === null) checkBase(state, facts, merged);
  if (effect.headsMove && facts.guest !== "off") refuseRunning(state, "its heads would have to move");
  const spaceBytes = foldBytes(state, merged);
  const move = effect.headsMove ? moveTo(state, into, ids, merged) : null;
  const parts = { sets: effect.sets, folds: foldsOf(state, merged, into), spaceBytes };
  // The target's memory belongs to disks that are gone; the base image has no place for one.
  const memory = (into ?? merged).memory;
  const gone = [...filesOf(state, effect.discarded), ...(memory ? [memory.path] : [])];
  const removes = [...(move ? headPaths(state) : []), ...gone];
  return accept({ ...parts, steps: move?.steps ?? [], removes }, (made) => ({
    type: "SnapshotMerged",
    schema: 1,
    data: {
      ...{ snapshot: refOf(merged), into: refOrNull(into), sets: effect.sets },
      children: childrenOf(state, merged.id).map(refOf),
      discarded: effect.discarded.map(refOf),
      moved: move?.moved(made) ?? null,
      current: effect.headsMove || state.current === merged.id ? refOrNull(into) : currentRef(state),
    },
  }));
}

interface MergeEffect {
  readonly sets: Sets;
  /** Every other branch on T. */
  readonly discarded: readonly Snapshot[];
  /** Heads on T, or on a branch that goes, become fresh heads on T's new layers. */
  readonly headsMove: boolean;
}

/** Pure: what merging S into T does to everything that stands on T. */
function mergeEffect(state: DomainState, facts: Facts, merged: Snapshot, into: Snapshot | null): MergeEffect {
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
    sets: { rewritten, orphaned, reparented: [...children, ...movedHeads], destroyed: old },
    discarded,
    headsMove,
  };
}

function checkOrphans(
  merged: Snapshot,
  into: Snapshot | null,
  orphaned: Sets["orphaned"],
  { force, discardChanges }: MergeSnapshot,
): void {
  const lost = orphaned.filter((one) => !(discardChanges && one.kind === "heads"));
  if (force || lost.length === 0) return;
  const target = into ? `"${into.name}"` : "the base image";
  refuse(
    "MERGE_WOULD_ORPHAN",
    `Merging "${merged.name}" into ${target} would destroy ${listAffected(lost)}.`,
    hintToLose(lost, "--mergeforce"),
    { snapshot: merged.name, into: into?.name ?? null, ...orphanFacts(lost) },
  );
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

function currentRef(state: DomainState) {
  return state.current === null ? null : refOf(snapshotOf(state, state.current));
}
