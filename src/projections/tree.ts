import type { SnapshotId } from "../events/ids.ts";
import type { SnapshotRef } from "../events/records.ts";
import type { DomainState, Snapshot } from "./state.ts";

/** The snapshot, which the state must hold: an id that is not there is a fault of ours, never of a user's. */
export function snapshotOf(state: DomainState, id: SnapshotId): Snapshot {
  const snapshot = state.snapshots.get(id);
  if (!snapshot) throw new Error(`no snapshot ${id} in domain ${state.id} at position ${state.position}`);
  return snapshot;
}

export function findSnapshot(state: DomainState, name: string): Snapshot | undefined {
  return state.snapshots.get(state.byName.get(name) ?? "");
}

export function refOf({ id, name }: SnapshotRef): SnapshotRef {
  return { id, name };
}

export function childrenOf(state: DomainState, parent: SnapshotId | null): Snapshot[] {
  return [...(state.children.get(parent) ?? [])].map((id) => snapshotOf(state, id));
}

/** Every snapshot below one, parents before children. */
export function descendantsOf(state: DomainState, parent: SnapshotId | null): Snapshot[] {
  const found = childrenOf(state, parent);
  for (let i = 0; i < found.length; i++) {
    const next = found[i];
    if (next) found.push(...childrenOf(state, next.id));
  }
  return found;
}

/** Whether the heads' chain runs through the snapshot: they are on it or on something below it. */
export function headsRunThrough(state: DomainState, id: SnapshotId): boolean {
  for (let at = state.current; at !== null; at = snapshotOf(state, at).parent) if (at === id) return true;
  return false;
}

/** Where heads go that may not stay on the snapshot: its nearest active ancestor, or null for the base images. */
export function nearestActiveAncestor(state: DomainState, id: SnapshotId): Snapshot | null {
  for (let at = snapshotOf(state, id).parent; at !== null;) {
    const snapshot = snapshotOf(state, at);
    if (snapshot.active) return snapshot;
    at = snapshot.parent;
  }
  return null;
}
