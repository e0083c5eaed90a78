import type { CreateWithSnapshot } from "../../events/command.ts";
import { headsOf, layersOf } from "../../projections/layers.ts";
import { findSnapshot, refOf } from "../../projections/tree.ts";
import { namedSnapshot } from "../../projections/views/views.ts";
import { accept, refuse } from "./decision.ts";
import { checkUnchanged, currentOf, refuseRunning } from "./heads.ts";
import { leaveHeads, permitLeaving } from "./leave-heads.ts";
import { checkMemory } from "./memory.ts";
import type { CommandRule } from "./rule.ts";

/** virDomainCreateWithSnapshot: fresh heads on any snapshot's layers, leaf or not; the guest starts after the event. */
export const createWithSnapshot: CommandRule<CreateWithSnapshot> = {
  permit(state, facts, command) {
    const to = namedSnapshot(state, command.snapshot);
    if (facts.guest !== "off") refuseRunning(state, "its heads cannot move");
    if (command.start && !facts.supports.guests) {
      const hint = "Pass --no-start to move the heads, then start the guest by your own means on the new head files.";
      refuse("UNSUPPORTED", `The ${state.driver} driver cannot start guests here.`, hint, { driver: state.driver });
    }
    if (command.start && to.memory) checkMemory(state, facts, to.name, to.memory);
    checkUnchanged(state, facts);
    permitLeaving(state, facts, command);
  },
  decide(state, facts, command, ids) {
    const to = namedSnapshot(state, command.snapshot);
    const { parts, left, moved } = leaveHeads(state, facts, command, to, ids);
    return accept(parts, (made) => ({
      type: "HeadsMoved",
      schema: 1,
      data: { to: refOf(to), heads: moved(made).heads, ...left(made) },
    }));
  },
  touches(state, { snapshot, start, discardChanges }) {
    const to = findSnapshot(state, snapshot);
    return {
      ...{ heads: headsOf(state), freezes: !discardChanges, standsOn: to ? layersOf(state, to) : [] },
      memory: (start && to?.memory) || null,
    };
  },
  guestStepAfter(state, { start, paused }) {
    if (!start) return null;
    const current = currentOf(state);
    const memory = current?.memory ?? null;
    return { step: "start", memory, paused: paused === true || current?.state === "paused" };
  },
};
