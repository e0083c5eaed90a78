import type { DomainId, SnapshotId } from "../../events/ids.ts";
import type { GuestState, SnapshotRef } from "../../events/records.ts";
import { patchesBetween, plainState } from "./patch.ts";
import type { JsonPatch } from "./patch.ts";
import type { DomainState, Layer, Snapshot } from "../state.ts";
import { refOf } from "../tree.ts";

/** What is different about one domain between two states of it. Plain JSON. */
export interface DomainDiff {
  readonly domain: DomainId;
  readonly name: string;
  readonly defined: Change<boolean> | null;
  readonly guest: Change<GuestState> | null;
  readonly current: Change<SnapshotRef | null> | null;
  readonly added: readonly PlacedSnapshot[];
  readonly gone: readonly PlacedSnapshot[];
  /** Hangs elsewhere. */
  readonly moved: readonly (SnapshotRef & { readonly parent: Change<SnapshotRef | null> })[];
  /** Has the content of another instant. */
  readonly rewritten: readonly (SnapshotRef & { readonly position: Change<number> })[];
  /** Was set aside by deactivate, or is in use again. */
  readonly active: readonly (SnapshotRef & { readonly active: boolean })[];
  readonly files: FileChanges;
  /** The same and everything else, as JSON Patch over the domain's state. */
  readonly patches: readonly JsonPatch[];
}

export interface Change<T> {
  readonly from: T;
  readonly to: T;
}

export interface PlacedSnapshot extends SnapshotRef {
  readonly parent: SnapshotRef | null;
}

/** Paths of layer files and heads. */
export interface FileChanges {
  readonly added: readonly string[];
  readonly gone: readonly string[];
  /** A fold wrote into it. */
  readonly rewritten: readonly string[];
  /** Is backed by another file. */
  readonly repointed: readonly string[];
}

export function diffStates(from: DomainState, to: DomainState): DomainDiff {
  const kept = [...to.snapshots.values()].flatMap((after) => {
    const before = from.snapshots.get(after.id);
    return before ? [{ before, after }] : [];
  });
  return {
    ...{ domain: to.id, name: to.name || from.name },
    defined: changed(from.defined, to.defined),
    guest: changed(from.guest, to.guest),
    current: from.current === to.current ? null : { from: refIn(from, from.current), to: refIn(to, to.current) },
    added: placed(to, (id) => !from.snapshots.has(id)),
    gone: placed(from, (id) => !to.snapshots.has(id)),
    moved: kept
      .filter(({ before, after }) => before.parent !== after.parent)
      .map(({ before, after }) => ({
        ...refOf(after),
        parent: { from: refIn(from, before.parent), to: refIn(to, after.parent) },
      })),
    rewritten: kept
      .filter(({ before, after }) => before.position !== after.position)
      .map(({ before, after }) => ({ ...refOf(after), position: { from: before.position, to: after.position } })),
    active: kept
      .filter(({ before, after }) => before.active !== after.active)
      .map(({ after }) => ({ ...refOf(after), active: after.active })),
    files: fileChanges(from, to),
    patches: patchesBetween(plainState(from), plainState(to)),
  };
}

/** Nothing but the revision is different: refusals and intents change no more. */
export function isSame({ patches }: DomainDiff): boolean {
  return patches.every(({ path }) => path === "/revision" || path.startsWith("/operation"));
}

function changed<T>(from: T, to: T): Change<T> | null {
  return from === to ? null : { from, to };
}

function refIn({ snapshots }: DomainState, id: SnapshotId | null): SnapshotRef | null {
  const snapshot = id === null ? undefined : snapshots.get(id);
  return snapshot ? refOf(snapshot) : null;
}

function placed(state: DomainState, chosen: (id: SnapshotId) => boolean): PlacedSnapshot[] {
  const some = [...state.snapshots.values()].filter(({ id }: Snapshot) => chosen(id));
  return some.map((snapshot) => ({ ...refOf(snapshot), parent: refIn(state, snapshot.parent) }));
}

function fileChanges(from: DomainState, to: DomainState): FileChanges {
  const paths = (layers: readonly Layer[]) => layers.map(({ file }) => file.path);
  const before = [...from.layers.values()];
  const after = [...to.layers.values()];
  const kept = after.filter(({ id }) => from.layers.has(id));
  return {
    added: paths(after.filter(({ id }) => !from.layers.has(id))),
    gone: paths(before.filter(({ id }) => !to.layers.has(id))),
    rewritten: paths(kept.filter(({ id, generation }) => from.layers.get(id)?.generation !== generation)),
    repointed: paths(kept.filter(({ id, backing }) => from.layers.get(id)?.backing !== backing)),
  };
}
