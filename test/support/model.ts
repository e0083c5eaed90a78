import type { Command } from "../../src/events/command.ts";
import type { ErrorCode } from "../../src/errors.ts";

/**
 * What each verb must leave behind, written a second time in the simplest way: whole contents instead of layers, names
 * instead of ids, and none of the project's own projections. One number stands for all bytes of one sector. How long that
 * is, is for the images to say.
 */

/** What a sector is unless somebody says otherwise: a cluster of a qcow2 file. */
export const sectorBytes = 64 * 1024;

/** Per disk, what its sectors are filled with. */
export type Content = Readonly<Record<string, readonly number[]>>;

export interface ModelSnapshot {
  parent: string | null;
  active: boolean;
  automatic: boolean;
  content: Content;
}

export interface Model {
  base: Content;
  heads: Content;
  dirty: boolean;
  current: string | null;
  snapshots: Map<string, ModelSnapshot>;
}

export function newModel(base: Content): Model {
  return { base, heads: base, dirty: false, current: null, snapshots: new Map() };
}

export function copyOf(model: Model): Model {
  const snapshots = [...model.snapshots].map(([name, snapshot]) => [name, { ...snapshot }] as const);
  return { ...model, snapshots: new Map(snapshots) };
}

/** A guest writes: sectors past the disk's end make it longer, zeros between. */
export function writeModel(model: Model, target: string, sectors: readonly number[], byte: number): void {
  const disk = [...(model.heads[target] ?? [])];
  for (const sector of sectors) {
    while (disk.length <= sector) disk.push(0);
    disk[sector] = byte;
  }
  model.heads = { ...model.heads, [target]: disk };
  model.dirty = true;
}

/** The disk is made longer or shorter under the guest, with nothing written: what is new reads as zeros. */
export function resizeModel(model: Model, target: string, sectors: number): void {
  const disk = (model.heads[target] ?? []).slice(0, sectors);
  model.heads = { ...model.heads, [target]: [...disk, ...Array.from({ length: sectors - disk.length }, () => 0)] };
  model.dirty = true;
}

/** Changes the model as the command must change the domain; or changes nothing and says which rule refuses. */
export function applyModel(model: Model, command: Command): ErrorCode | null {
  switch (command.type) {
    case "CreateSnapshot":
      return create(model, command.name ?? "");
    case "CreateWithSnapshot":
      leaveHeads(model, command.discardChanges);
      standOn(model, command.snapshot);
      return null;
    case "DeactivateSnapshot":
      return deactivate(model, command.snapshot, command.discardChanges);
    case "MergeSnapshot":
      return merge(model, command.snapshot, command.force, command.discardChanges);
    case "DiscardSnapshot":
      return discard(model, command.snapshot, command.force, command.discardChanges);
    default:
      throw new Error(`the model knows nothing of ${command.type}`);
  }
}

function create(model: Model, name: string): ErrorCode | null {
  if (model.snapshots.has(name)) return "SNAPSHOT_EXISTS";
  keepHeads(model, name, false);
  standOn(model, name);
  return null;
}

function deactivate(model: Model, name: string, discardChanges: boolean): ErrorCode | null {
  at(model, name).active = false;
  if (!below(model, model.current, name)) return null;
  leaveHeads(model, discardChanges);
  standOn(model, activeAbove(model, name));
  return null;
}

function merge(model: Model, name: string, force: boolean, discardChanges: boolean): ErrorCode | null {
  const merged = at(model, name);
  const into = merged.parent;
  const others = [...model.snapshots.keys()].filter((one) => one !== name && at(model, one).parent === into);
  const lost = [...model.snapshots.keys()].filter((one) => others.some((other) => below(model, one, other)));
  const headsGo = model.current === into || lost.includes(model.current ?? "");
  if (!force && (lost.length > 0 || (headsGo && model.dirty && !discardChanges))) return "MERGE_WOULD_ORPHAN";
  const onMerged = model.current === name;
  for (const one of [...lost, name]) model.snapshots.delete(one);
  if (into === null) model.base = merged.content;
  else at(model, into).content = merged.content;
  for (const snapshot of model.snapshots.values()) if (snapshot.parent === name) snapshot.parent = into;
  if (headsGo) standOn(model, into);
  if (onMerged) {
    model.current = into;
    if (into !== null) at(model, into).active = true;
  }
  return null;
}

function discard(model: Model, name: string, force: boolean, discardChanges: boolean): ErrorCode | null {
  const lost = [...model.snapshots.keys()].filter((one) => one !== name && below(model, one, name));
  const headsGo = below(model, model.current, name);
  if (!force && (lost.length > 0 || (headsGo && model.dirty && !discardChanges))) return "DISCARD_WOULD_ORPHAN";
  const next = activeAbove(model, name);
  for (const one of [...lost, name]) model.snapshots.delete(one);
  if (headsGo) standOn(model, next);
  return null;
}

function leaveHeads(model: Model, discardChanges: boolean): void {
  if (!model.dirty || discardChanges) return;
  let n = model.snapshots.size;
  while (model.snapshots.has(`autosave-${n}`)) n++;
  keepHeads(model, `autosave-${n}`, true);
}

function keepHeads(model: Model, name: string, automatic: boolean): void {
  model.snapshots.set(name, { parent: model.current, active: true, automatic, content: model.heads });
}

function standOn(model: Model, name: string | null): void {
  model.heads = name === null ? model.base : at(model, name).content;
  model.dirty = false;
  model.current = name;
  if (name !== null) at(model, name).active = true;
}

function activeAbove(model: Model, name: string): string | null {
  let next = at(model, name).parent;
  while (next !== null && !at(model, next).active) next = at(model, next).parent;
  return next;
}

/** Whether `one` is `top` or hangs somewhere under it. */
function below(model: Model, one: string | null, top: string): boolean {
  for (let next = one; next !== null; next = at(model, next).parent) if (next === top) return true;
  return false;
}

function at(model: Model, name: string): ModelSnapshot {
  const snapshot = model.snapshots.get(name);
  if (!snapshot) throw new Error(`the model has no snapshot ${name}`);
  return snapshot;
}
