import { cliCommand } from "../../errors.ts";
import type { StartDomain } from "../../events/command.ts";
import { headsOf } from "../../projections/layers.ts";
import { accept, refuse } from "./decision.ts";
import { refuseRunningAlready } from "./guest.ts";
import { checkHeads, checkUnchanged, currentOf, refOrNull } from "./heads.ts";
import type { CommandRule } from "./rule.ts";

/** Boots the guest on its heads as they are; resuming a memory is what create-with-snapshot is for. */
export const startDomain: CommandRule<StartDomain> = {
  permit(state, facts) {
    if (facts.guest !== "off") refuseRunningAlready(state);
    if (!facts.supports.guests) {
      const hint = `Start it by your own means on the files that ${cliCommand("domblklist", state.name)} shows.`;
      refuse("UNSUPPORTED", `The ${state.driver} driver cannot start guests here.`, hint, { driver: state.driver });
    }
    checkHeads(state, facts);
    checkUnchanged(state, facts);
  },
  decide: (state, _facts, { paused }) =>
    accept({}, () => ({
      type: "DomainStarted",
      schema: 1,
      data: { from: refOrNull(currentOf(state)), state: paused ? "paused" : "running", memoryLoaded: false },
    })),
  touches: (state) => ({ heads: headsOf(state), standsOn: headsOf(state) }),
  guestStep: ({ paused }) => ({ step: "start", memory: null, paused }),
  isDone: (guest) => guest !== "off",
};
