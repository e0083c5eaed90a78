import type { ErrorCode, ErrorFacts } from "../../errors.ts";
import type { Affected, Sets } from "../../events/records.ts";
import { anonymous, bytesOf, layerOf, layersOf } from "../../projections/layers.ts";
import type { DomainState, Snapshot } from "../../projections/state.ts";
import { descendantsOf, refOf } from "../../projections/tree.ts";
import { refuse } from "./decision.ts";

/** What a verb would touch, with bytes: shown before, recorded after, and what the refusals are made of. */

export function affectedSnapshot(state: DomainState, snapshot: Snapshot): Affected {
  const { automatic } = snapshot;
  return { kind: "snapshot", snapshot: refOf(snapshot), automatic, bytes: bytesOf(state, snapshot) };
}

/** A snapshot's content alone, without its memory. */
export function affectedContent(state: DomainState, snapshot: Snapshot): Affected {
  const memory = snapshot.memory?.bytes ?? 0;
  return { kind: "content", snapshot: refOf(snapshot), bytes: bytesOf(state, snapshot) - memory };
}

export function affectedMemory({ memory, ...snapshot }: Snapshot): Affected[] {
  return memory ? [{ kind: "memory", snapshot: refOf(snapshot), bytes: memory.bytes }] : [];
}

/** The base images, with the bytes of what they hold, or will hold when an earlier merge into them has been folded. */
export function affectedBases(state: DomainState): Affected[] {
  return layersOf(state, null).map(({ target, file: { bytes } }) => {
    const { path } = layerOf(state, state.bases[target]).file;
    return { kind: "base", target, path, bytes };
  });
}

/** What is unlinked with these snapshots: their layers and memory, and what only waited to be folded into from them. */
export function filesOf(state: DomainState, snapshots: readonly Snapshot[]): string[] {
  const unnamed = new Set(anonymous(state));
  return snapshots.flatMap((one) => {
    const paths = one.memory ? [one.memory.path] : [];
    for (const { file, backing } of layersOf(state, one)) {
      paths.push(file.path);
      for (let id = backing; id !== null && unnamed.has(id);) {
        const layer = layerOf(state, id);
        paths.push(layer.file.path);
        id = layer.backing;
      }
    }
    return paths;
  });
}

/** The snapshots and everything below each of them. */
export function withDescendants(state: DomainState, tops: readonly Snapshot[]): Snapshot[] {
  return tops.flatMap((top) => [top, ...descendantsOf(state, top.id)]);
}

/** More names than these are counted; a refusal's facts have each. */
const namesShown = 100;

/** `"a", "b"`, or the first ones and how many more. */
export function listNames(names: readonly string[], most = namesShown): string {
  const shown = names.slice(0, most).map((name) => `"${name}"`);
  const more = names.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** `"a", "b" and the unsaved heads`, automatic snapshots apart. */
function listAffected(affected: Sets["orphaned"]): string {
  const snapshots = affected.filter((one) => one.kind === "snapshot");
  const names = (automatic: boolean) =>
    snapshots.filter((one) => one.automatic === automatic).map((one) => one.snapshot.name);
  const automatic = names(true);
  const parts = [
    listNames(names(false)),
    automatic.length > 0 ? `the automatic ${listNames(automatic)}` : "",
    affected.some((one) => one.kind === "heads") ? "unsaved changes in the heads" : "",
  ];
  return parts.filter((part) => part !== "").join(" and ");
}

interface Losing {
  /** What would lose it, as a sentence's subject. */
  readonly subject: string;
  readonly code: ErrorCode;
  /** The flag that loses it all the same. */
  readonly force: string;
  readonly facts: ErrorFacts;
}

/** Refuses what would be deleted besides, unless the command says so. */
export function refuseIfLost(
  orphaned: Sets["orphaned"],
  { force, discardChanges }: { readonly force: boolean; readonly discardChanges: boolean },
  losing: Losing,
): void {
  const lost = orphaned.filter((one) => !(discardChanges && one.kind === "heads"));
  if (force || lost.length === 0) return;
  const message = `${losing.subject} would destroy ${listAffected(lost)}.`;
  refuse(losing.code, message, hintToLose(lost, losing.force), { ...losing.facts, ...orphanFacts(lost) });
}

/** The smallest flag that lets it pass: unsaved changes alone need no force. */
function hintToLose(lost: Sets["orphaned"], force: string): string {
  const onlyHeads = lost.every((one) => one.kind === "heads");
  const pass = onlyHeads ? `--discard-changes to drop them (${force} does too)` : `${force} to discard that too`;
  return `Pass ${pass}. Nothing was changed.`;
}

/** Names for a refusal's facts: what would go, told apart by kind. */
function orphanFacts(affected: Sets["orphaned"]): Record<string, unknown> {
  const names = (automatic: boolean) =>
    affected.flatMap((one) => (one.kind === "snapshot" && one.automatic === automatic ? [one.snapshot.name] : []));
  return { orphaned: names(false), automatic: names(true), dirtyHeads: affected.some((one) => one.kind === "heads") };
}
