import type { DeactivateSnapshot } from "../../events/command.ts";
import { noSets } from "../../events/records.ts";
import type { DomainState } from "../../projections/state.ts";
import { headsRunThrough, nearestActiveAncestor, refOf } from "../../projections/tree.ts";
import type { Accepted, Facts, Ids } from "./decision.ts";
import { accept } from "./decision.ts";
import {
  asMade,
  autosave,
  headPaths,
  headsAffected,
  headsAreDirty,
  moveTo,
  named,
  refuseRunning,
  repairsOf,
} from "./heads.ts";
import { limitWarnings } from "./limits.ts";

/**
 * virDomainSnapshotDeactivate without flags: "the snapshot is not used anymore, but also not removed". Heads whose
 * chain runs through it go to its nearest active ancestor, or the base images.
 */
export function deactivateSnapshot(state: DomainState, facts: Facts, command: DeactivateSnapshot, ids: Ids): Accepted {
  const snapshot = named(state, command.snapshot);
  if (!headsRunThrough(state, snapshot.id)) {
    const data = { snapshot: refOf(snapshot), moved: null, autosave: null, destroyed: [] };
    return accept({}, () => ({ type: "SnapshotDeactivated", schema: 1, data }));
  }
  if (facts.guest !== "off") refuseRunning(state, `its heads stand on "${snapshot.name}"`);
  const dirty = headsAreDirty(state, facts);
  const saved = dirty && !command.discardChanges ? autosave(state, facts, ids) : null;
  const destroyed = dirty && !saved ? [headsAffected(state, facts)] : [];
  const { steps, moved } = moveTo(state, nearestActiveAncestor(state, snapshot.id), ids);
  const removes = saved ? [] : headPaths(state);
  const warnings = saved ? limitWarnings(state) : [];
  const repairs = saved ? repairsOf(state, facts) : [];
  return accept({ steps, repairs, removes, sets: { ...noSets, destroyed }, warnings }, (made) => ({
    type: "SnapshotDeactivated",
    schema: 1,
    data: { snapshot: refOf(snapshot), moved: moved(made), autosave: asMade(saved, made), destroyed },
  }));
}
