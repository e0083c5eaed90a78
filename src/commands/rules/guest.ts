import { ours } from "../../errors.ts";
import type { StartDomain } from "../../events/command.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Accepted, Facts } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import { checkHeads, checkUnchanged, currentOf, refOrNull } from "./heads.ts";

/** Boots the guest on its heads as they are; resuming a memory is what create-with-snapshot is for. */
export function startDomain(state: DomainState, facts: Facts, { paused }: StartDomain): Accepted {
  if (facts.guest !== "off") {
    const hint = `Nothing is to be done; see ${ours("domstate", state.name)}.`;
    refuse("DOMAIN_RUNNING", `Domain "${state.name}" is running already.`, hint, { domain: state.name });
  }
  if (!facts.supports.guests) {
    const hint = `Start it by your own means on the files that ${ours("domblklist", state.name)} shows.`;
    refuse("UNSUPPORTED", `The ${state.driver} driver cannot start guests here.`, hint, { driver: state.driver });
  }
  checkHeads(state, facts);
  checkUnchanged(state, facts);
  return accept({}, () => ({
    type: "DomainStarted",
    schema: 1,
    data: { from: refOrNull(currentOf(state)), state: paused ? "paused" : "running", memoryLoaded: false },
  }));
}

/** Pulls the guest's plug. */
export function destroyDomain(state: DomainState, facts: Facts): Accepted {
  checkRunning(state, facts);
  return accept({}, () => ({ type: "DomainStopped", schema: 1, data: { cause: "destroyed" } }));
}

/** Asks the guest to end by itself. */
export function shutdownDomain(state: DomainState, facts: Facts): Accepted {
  checkRunning(state, facts);
  if (facts.guest === "paused") {
    const hint = `Let it run first: ${ours("resume", state.name)}. To stop it at once: ${ours("destroy", state.name)}.`;
    refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is paused: it cannot hear that.`, hint, {
      domain: state.name,
    });
  }
  return accept({}, () => ({ type: "DomainStopped", schema: 1, data: { cause: "shutdown" } }));
}

export function suspendDomain(state: DomainState, facts: Facts): Accepted {
  checkRunning(state, facts);
  if (facts.guest === "paused") {
    const hint = `Nothing is to be done; ${ours("resume", state.name)} lets it run.`;
    refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is paused already.`, hint, { domain: state.name });
  }
  return accept({}, () => ({ type: "DomainSuspended", schema: 1, data: { cause: "asked" } }));
}

export function resumeDomain(state: DomainState, facts: Facts): Accepted {
  checkRunning(state, facts);
  if (facts.guest === "running") {
    const hint = `Nothing is to be done; see ${ours("domstate", state.name)}.`;
    refuse("DOMAIN_RUNNING", `Domain "${state.name}" is running already.`, hint, { domain: state.name });
  }
  return accept({}, () => ({ type: "DomainResumed", schema: 1, data: { cause: "asked" } }));
}

function checkRunning(state: DomainState, facts: Facts): void {
  if (facts.guest !== "off") return;
  const hint = `Nothing is to be done; see ${ours("domstate", state.name)}.`;
  refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is not running.`, hint, { domain: state.name });
}
