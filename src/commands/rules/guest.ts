import { cliCommand } from "../../errors.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Facts } from "./decision.ts";
import { refuse } from "./decision.ts";

/** Refuses with DOMAIN_NOT_RUNNING when there is no guest to do anything to. */
export function checkRunning(state: DomainState, facts: Facts): void {
  if (facts.guest !== "off") return;
  const hint = `Nothing is to be done; see ${cliCommand("domstate", state.name)}.`;
  refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is not running.`, hint, { domain: state.name });
}

/** Refuses with DOMAIN_RUNNING a guest that is to run, and does. */
export function refuseRunningAlready({ name }: DomainState): never {
  const hint = `Nothing is to be done; see ${cliCommand("domstate", name)}.`;
  return refuse("DOMAIN_RUNNING", `Domain "${name}" is running already.`, hint, { domain: name });
}
