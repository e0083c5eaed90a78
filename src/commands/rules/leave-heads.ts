import { noSets } from "../../events/records.ts";
import type { Affected, NewSnapshot } from "../../events/records.ts";
import type { MovedHeads } from "../../events/events.ts";
import type { DomainState, Snapshot } from "../../projections/state.ts";
import type { Facts, Ids, StepResults, PlanParts } from "./decision.ts";
import { asMade, autosave, checkHeads, headPaths, headsAffected, headsAreDirty, moveTo, repairsOf } from "./heads.ts";
import { checkLimits, limitWarnings } from "./limits.ts";

/** Heads that are left for fresh ones elsewhere: what they hold is kept by an autosave, or given up in so many words. */

interface Leaving {
  readonly discardChanges: boolean;
}

/** Refuses what forbids the autosave. */
export function permitLeaving(state: DomainState, facts: Facts, { discardChanges }: Leaving): void {
  if (discardChanges || !headsAreDirty(state, facts)) return;
  checkHeads(state, facts);
  checkLimits(state);
}

interface LeftHeads {
  readonly parts: PlanParts;
  /** How the event tells what became of them. */
  readonly left: (made: StepResults) => {
    readonly autosave: NewSnapshot | null;
    readonly destroyed: readonly Affected[];
  };
  readonly moved: (made: StepResults) => MovedHeads;
}

/** `on`: whose layers the fresh heads stand on; null: the base images. */
export function leaveHeads(
  state: DomainState,
  facts: Facts,
  { discardChanges }: Leaving,
  on: Snapshot | null,
  ids: Ids,
): LeftHeads {
  const dirty = headsAreDirty(state, facts);
  const saved = dirty && !discardChanges ? autosave(state, facts, ids) : null;
  const destroyed = dirty && !saved ? [headsAffected(state, facts)] : [];
  const { steps, moved } = moveTo(state, on, ids);
  return {
    parts: {
      ...{ steps, sets: { ...noSets, destroyed } },
      ...(saved ? { repairs: repairsOf(state, facts), warnings: limitWarnings(state) } : { removes: headPaths(state) }),
    },
    left: (made) => ({ autosave: asMade(saved, made), destroyed }),
    moved,
  };
}
