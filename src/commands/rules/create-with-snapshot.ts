import type { CreateWithSnapshot } from "../../events/command.ts";
import type { DomainState } from "../../projections/state.ts";
import { refOf } from "../../projections/tree.ts";
import type { Accepted, Facts, Ids } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import {
  asMade,
  autosave,
  checkUnchanged,
  headPaths,
  headsAffected,
  headsAreDirty,
  moveTo,
  named,
  refuseRunning,
  repairsOf,
} from "./heads.ts";
import { limitWarnings } from "./limits.ts";
import { checkMemory } from "./memory.ts";
import { noSets } from "../../events/records.ts";

/** virDomainCreateWithSnapshot: fresh heads on any snapshot's layers, leaf or not; the guest starts after the event. */
export function createWithSnapshot(state: DomainState, facts: Facts, command: CreateWithSnapshot, ids: Ids): Accepted {
  const to = named(state, command.snapshot);
  if (facts.guest !== "off") refuseRunning(state, "its heads cannot move");
  if (command.start && !facts.supports.guests) {
    const hint = "Pass --no-start to move the heads, then start the guest by your own means on the new head files.";
    refuse("UNSUPPORTED", `The ${state.driver} driver cannot start guests here.`, hint, { driver: state.driver });
  }
  if (command.start && to.memory) checkMemory(state, facts, to.name, to.memory);
  checkUnchanged(state, facts);
  const dirty = headsAreDirty(state, facts);
  const saved = dirty && !command.discardChanges ? autosave(state, facts, ids) : null;
  const destroyed = dirty && !saved ? [headsAffected(state, facts)] : [];
  const { steps, moved } = moveTo(state, to, ids);
  const removes = saved ? [] : headPaths(state);
  const warnings = saved ? limitWarnings(state) : [];
  const repairs = saved ? repairsOf(state, facts) : [];
  return accept({ steps, repairs, removes, sets: { ...noSets, destroyed }, warnings }, (made) => ({
    type: "HeadsMoved",
    schema: 1,
    data: { to: refOf(to), heads: moved(made).heads, autosave: asMade(saved, made), destroyed },
  }));
}
