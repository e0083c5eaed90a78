import { cliCommand } from "../../errors.ts";
import type { SuspendDomain } from "../../events/command.ts";
import { accept, refuse } from "./decision.ts";
import { checkRunning } from "./guest.ts";
import type { CommandRule } from "./rule.ts";

export const suspendDomain: CommandRule<SuspendDomain> = {
  permit(state, facts) {
    checkRunning(state, facts);
    if (facts.guest !== "paused") return;
    const hint = `Nothing is to be done; ${cliCommand("resume", state.name)} lets it run.`;
    refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is paused already.`, hint, { domain: state.name });
  },
  decide: () => accept({}, () => ({ type: "DomainSuspended", schema: 1, data: { cause: "asked" } })),
  guestStep: () => ({ step: "suspend" }),
  isDone: (guest) => guest === "paused",
};
