import { cliCommand, SnapledgerError } from "../../errors.ts";
import type { SnapshotId, Target } from "../../events/ids.ts";
import type { DomainInfo, DiskInfo, OperationInfo, SnapshotFilter, SnapshotInfo } from "./info.ts";
import { anonymous, bytesOf, depthOf, garbage, headOf, layerOf, layersOf } from "../layers.ts";
import { sortedByName } from "./name-order.ts";
import type { DomainState, Snapshot } from "../state.ts";
import { childrenOf, descendantsOf, refOf, snapshotOf } from "../tree.ts";

/** The plain JSON that faces show, from a domain's state. */

export function domainInfo(state: DomainState): DomainInfo {
  const { id, name, driver, memoryMib, vcpus, guestAgent, unmanaged, revision, position } = state;
  return {
    ...{ id, name, driver, state: state.guest, memoryMib, vcpus, guestAgent },
    ...{ layersFolder: state.layersFolder, disks: disksOf(state), unmanaged },
    current: state.current === null ? null : refOf(snapshotOf(state, state.current)),
    snapshots: state.snapshots.size,
    foldsPending: anonymous(state).length,
    garbage: garbage(state).length + state.looseMemories.length,
    operation: operationInfo(state),
    ...{ revision, position },
  };
}

function disksOf(state: DomainState): DiskInfo[] {
  return state.disks.map((target) => {
    const head = headOf(state, target);
    // The head is a file of the chain itself, and no layer between.
    const depth = depthOf(state, head.id) - 1;
    return { target, base: layerOf(state, state.bases[target]).file, head: head.file, depth };
  });
}

function operationInfo({ operation }: DomainState): OperationInfo | null {
  if (!operation) return null;
  const { id, command, since, position, actor } = operation;
  return { id, command: command.type, since, position, user: actor.user };
}

export function snapshotInfo(state: DomainState, snapshot: Snapshot): SnapshotInfo {
  return infoOf(state, snapshot, descendantsOf(state, snapshot.id).length);
}

/**
 * The snapshots that pass the filter, by name (see name-order.ts), or with `topological` each after its parent and
 * before its younger siblings by name. Throws SNAPSHOT_NOT_FOUND of `from`.
 */
export function listSnapshots(state: DomainState, filter: SnapshotFilter = {}): SnapshotInfo[] {
  const top = filter.from === undefined ? null : namedSnapshot(state, filter.from).id;
  const nested = filter.from === undefined || filter.descendants === true;
  const all = nested
    ? filter.topological
      ? topological(state, top)
      : descendantsOf(state, top)
    : childrenOf(state, top);
  const chosen = all.filter((snapshot) => passes(state, snapshot, filter));
  const listed = filter.topological && nested ? chosen : sortedByName(chosen);
  const below = descendantCounts(state);
  return listed.map((snapshot) => infoOf(state, snapshot, below.get(snapshot.id) ?? 0));
}

/** By name. Throws SNAPSHOT_NOT_FOUND. */
export function namedSnapshot(state: DomainState, name: string): Snapshot {
  const id = state.byName.get(name);
  if (id !== undefined) return snapshotOf(state, id);
  throw new SnapledgerError("SNAPSHOT_NOT_FOUND", `Domain "${state.name}" has no snapshot "${name}".`, {
    facts: { domain: state.name, snapshot: name },
    hint: `See ${cliCommand("snapshot-list", state.name)}.`,
  });
}

/** Who asked meant an earlier one of this name. */
export function anotherSnapshot(domain: string, snapshot: string): SnapledgerError {
  const message = `The snapshot "${snapshot}" of domain "${domain}" is gone, and another one has its name.`;
  const hint = "Look the snapshot up again.";
  return new SnapledgerError("SNAPSHOT_NOT_FOUND", message, { facts: { domain, snapshot }, hint });
}

/** Alternatives within one kind (both of leaves and noLeaves is everything), all kinds together, as virsh. */
function passes(state: DomainState, snapshot: Snapshot, filter: SnapshotFilter): boolean {
  const { roots, leaves, noLeaves, states, deactivated } = filter;
  if (roots && snapshot.parent !== null) return false;
  const isLeaf = (state.children.get(snapshot.id)?.size ?? 0) === 0;
  if ((leaves || noLeaves) && !(isLeaf ? leaves : noLeaves)) return false;
  if (states && states.length > 0 && !states.includes(snapshot.state)) return false;
  return !deactivated || !snapshot.active;
}

/** Depth first with a stack of our own: a chain of thousands would overflow the language's. */
function topological(state: DomainState, top: SnapshotId | null): Snapshot[] {
  const inOrder: Snapshot[] = [];
  const waiting = sortedByName(childrenOf(state, top)).reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    inOrder.push(next);
    waiting.push(...sortedByName(childrenOf(state, next.id)).reverse());
  }
  return inOrder;
}

/** How many are below each snapshot, for all at once: one by one it would be quadratic on a long chain. */
function descendantCounts(state: DomainState): Map<SnapshotId, number> {
  const below = new Map<SnapshotId, number>();
  for (const { id, parent } of descendantsOf(state, null).reverse()) {
    if (parent !== null) below.set(parent, (below.get(parent) ?? 0) + (below.get(id) ?? 0) + 1);
  }
  return below;
}

/** Spelt out field by field: the spreads used elsewhere cost two thirds of the time of a list of 16,384. */
function infoOf(state: DomainState, snapshot: Snapshot, descendants: number): SnapshotInfo {
  const { id, memory } = snapshot;
  const own = layersOf(state, snapshot);
  const layers: Record<Target, string> = {};
  for (const { target, file } of own) layers[target] = file.path;
  return {
    id,
    name: snapshot.name,
    domain: { id: state.id, name: state.name },
    description: snapshot.description,
    parent: snapshot.parent === null ? null : refOf(snapshotOf(state, snapshot.parent)),
    children: state.children.get(id)?.size ?? 0,
    descendants,
    current: state.current === id,
    state: snapshot.state,
    active: snapshot.active,
    automatic: snapshot.automatic,
    creationTime: snapshot.createdAt,
    layers,
    layerIds: { ...snapshot.layers },
    compression: own.find(({ compression }) => compression !== null)?.compression ?? memory?.compression ?? null,
    memory: memory?.path ?? null,
    bytes: bytesOf(state, snapshot),
    position: snapshot.position,
    user: snapshot.actor.user,
    reason: snapshot.reason,
  };
}
