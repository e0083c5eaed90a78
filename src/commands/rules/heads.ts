import { cliCommand } from "../../errors.ts";
import type { MovedHeads } from "../../events/events.ts";
import type { LayerId } from "../../events/ids.ts";
import type { MakeOverlay, Plan } from "../../events/plan.ts";
import type { Affected, FileFacts, FrozenLayer, LayerFile, NewSnapshot, SnapshotRef } from "../../events/records.ts";
import { headOf, headsOf, layersOf } from "../../projections/layers.ts";
import type { DomainState, Layer, Snapshot } from "../../projections/state.ts";
import { refOf, snapshotOf } from "../../projections/tree.ts";
import type { Facts, Ids, StepResults } from "./decision.ts";
import { refuse } from "./decision.ts";
import { describe } from "./wrong-files.ts";
import { changedInWords } from "./logged-file.ts";
import type { WrongFile } from "./wrong-files.ts";

/**
 * One disk with writes makes all dirty: a domain's disks are only ever kept or dropped together. A running guest's own
 * count is asked besides: what it has just written may not show in the file yet. A head that is not what the log says
 * may hold whatever.
 */
export function headsAreDirty(state: DomainState, facts: Facts): boolean {
  if (facts.wrongHeads) return true;
  if (facts.written && facts.written.length > 0) return true;
  return state.disks.some((target) => {
    const now = facts.heads[target];
    const { file } = headOf(state, target);
    return now?.bytes !== file.bytes || now.virtualBytes !== file.virtualBytes;
  });
}

/**
 * Refuses with NEEDS_OPERATOR when a head is not what the log says: frozen by the log's word, or folded under, a snapshot
 * or a guest would read other bytes than were written. Who gives the heads up need not ask.
 */
export function checkHeads(state: DomainState, { wrongHeads }: Facts): void {
  if (!wrongHeads) return;
  const { message, hint } = headsInWords(state, wrongHeads);
  refuse("NEEDS_OPERATOR", message, hint, { domain: state.name, files: wrongHeads });
}

/** What is wrong with these heads, and how to go on with or without them. */
export function headsInWords(state: DomainState, wrong: readonly WrongFile[]): { message: string; hint: string } {
  const { name, snapshots } = state;
  const without =
    snapshots.size === 0
      ? `${cliCommand("undefine", name, "--discard-all")}, then define it anew`
      : cliCommand("create-with-snapshot", name, "SNAPSHOT", "--no-start", "--discard-changes");
  return describe(state, wrong, `, or give up the heads: ${without}`);
}

/** Refuses with FILES_CHANGED when frozen files differ from the log: what stands on them would read other bytes. */
export function checkUnchanged({ name }: DomainState, { changed = [] }: Facts): void {
  if (changed.length === 0) return;
  const { message, hint } = changedInWords(name, changed);
  refuse("FILES_CHANGED", message, hint, { domain: name, changed });
}

/** Heads that a plan which freezes them repairs first. */
export function repairsOf(state: DomainState, { toRepair = [] }: Facts): NonNullable<Plan["repairs"]> {
  return toRepair.map((target) => ({ target, path: headOf(state, target).file.path }));
}

export function currentOf(state: DomainState): Snapshot | null {
  return state.current === null ? null : snapshotOf(state, state.current);
}

export function refOrNull(snapshot: Snapshot | null): SnapshotRef | null {
  return snapshot && refOf(snapshot);
}

export function headPaths(state: DomainState): string[] {
  return headsOf(state).map(({ file }) => file.path);
}

/** The heads as one of the things a verb touches. */
export function headsAffected(state: DomainState, facts: Facts): Affected {
  const bytes = state.disks.reduce((sum, target) => sum + (facts.heads[target]?.bytes ?? 0), 0);
  return { kind: "heads", on: refOrNull(currentOf(state)), dirty: headsAreDirty(state, facts), bytes };
}

/** An empty overlay on a layer, as large as `virtualBytes`. */
export function overlayOn(state: DomainState, layer: Layer, virtualBytes: number, { newId }: Ids): MakeOverlay {
  const id = newId();
  const { path, format } = layer.file;
  const file = `${state.layersFolder}/${id}.qcow2`;
  return {
    ...{ step: "overlay", target: layer.target, layer: id, path: file },
    ...{ backing: { path, format }, backingLayer: layer.id, virtualBytes },
  };
}

/** One empty overlay per disk on what a snapshot, or for null the base images, hold. */
export function freshHeads(state: DomainState, on: Snapshot | null, ids: Ids): MakeOverlay[] {
  return layersOf(state, on).map((layer) => overlayOn(state, layer, layer.file.virtualBytes, ids));
}

export function madeFile(made: StepResults, layer: LayerId): FileFacts {
  const file = made.files.get(layer);
  if (!file) throw new Error(`no step made layer ${layer}`);
  return file;
}

/** The overlays, as the event names them. */
export function madeHeads(steps: readonly MakeOverlay[], made: StepResults): LayerFile[] {
  return steps.map(({ target, layer, backingLayer }) => ({
    ...madeFile(made, layer),
    ...{ target, layer, backing: backingLayer },
  }));
}

/**
 * Fresh heads on a snapshot or the base images, and how the event tells of them. `content`: whose layers the snapshot
 * will have by then, if not its own.
 */
export function moveTo(
  state: DomainState,
  on: Snapshot | null,
  ids: Ids,
  content: Snapshot | null = on,
): { steps: MakeOverlay[]; moved: (made: StepResults) => MovedHeads } {
  const steps = freshHeads(state, content, ids);
  return { steps, moved: (made) => ({ heads: madeHeads(steps, made), current: refOrNull(on) }) };
}

/** The heads' files as they are now, frozen as a snapshot's layers. */
export function frozenHeads(state: DomainState, facts: Facts): FrozenLayer[] {
  return state.disks.map((target) => {
    const head = headOf(state, target);
    const file = facts.heads[target] ?? head.file;
    return { ...file, target, layer: head.id, backing: head.backing ?? head.id, compression: null };
  });
}

/** What keeps a dirty head that is about to be left: a snapshot marked automatic, inside the same event as the move. */
export function autosave(state: DomainState, facts: Facts, { newId }: Ids): NewSnapshot {
  const stamp = facts.time.replace(/[-:]|\.\d+/g, "");
  return {
    ...{ id: newId(), name: freeName(state, `autosave-${stamp}`), description: "" },
    ...{ parent: refOrNull(currentOf(state)), state: "off", automatic: true },
    ...{ layers: frozenHeads(state, facts), memory: null },
  };
}

/** An autosave as it was made: its files may have been repaired before they were frozen. */
export function asMade(saved: NewSnapshot | null, made: StepResults): NewSnapshot | null {
  return saved && { ...saved, layers: saved.layers.map((layer) => ({ ...layer, ...made.files.get(layer.layer) })) };
}

/** The wanted name, or with -2, -3 … after it when that is taken. */
export function freeName(state: DomainState, wanted: string): string {
  let name = wanted;
  for (let n = 2; state.byName.has(name); n++) name = `${wanted}-${n}`;
  return name;
}

export function refuseRunning(state: DomainState, what: string): never {
  return refuse(
    "DOMAIN_RUNNING",
    `Domain "${state.name}" is running: ${what}.`,
    `Stop it first: ${cliCommand("destroy", state.name)}.`,
    { domain: state.name, guest: state.guest },
  );
}
