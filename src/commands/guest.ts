import type { StartDomain } from "../events/command.ts";
import type { DomainState } from "../projections/state.ts";
import type { Accepted, Facts } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import { currentOf, refOrNull } from "./heads.ts";

/** Boots the guest on its heads as they are; resuming a memory is what create-with-snapshot is for. */
export function startDomain(state: DomainState, facts: Facts, { paused }: StartDomain): Accepted {
  if (facts.guest !== "off") {
    const hint = "Nothing is to be done; see 'snapledger domstate'.";
    refuse("DOMAIN_RUNNING", `Domain "${state.name}" is running already.`, hint, { domain: state.name });
  }
  if (!facts.supports.guests) {
    const hint = "Start it by your own means on the files that 'snapledger domblklist' shows.";
    refuse("UNSUPPORTED", `The ${state.driver} driver cannot start guests yet.`, hint, { driver: state.driver });
  }
  return accept({}, () => ({
    type: "DomainStarted",
    schema: 1,
    data: { from: refOrNull(currentOf(state)), state: paused ? "paused" : "running", memoryLoaded: false },
  }));
}

/** Pulls the guest's plug. */
export function destroyDomain(state: DomainState, facts: Facts): Accepted {
  if (facts.guest === "off") {
    const hint = "Nothing is to be done; see 'snapledger domstate'.";
    refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is not running.`, hint, { domain: state.name });
  }
  return accept({}, () => ({ type: "DomainStopped", schema: 1, data: { cause: "destroyed" } }));
}
