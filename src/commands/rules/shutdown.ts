import { cliCommand } from "../../errors.ts";
import type { ShutdownDomain } from "../../events/command.ts";
import { accept, refuse } from "./decision.ts";
import { checkRunning } from "./guest.ts";
import type { CommandRule } from "./rule.ts";

/** Asks the guest to end by itself. */
export const shutdownDomain: CommandRule<ShutdownDomain> = {
  permit(state, facts) {
    checkRunning(state, facts);
    if (facts.guest !== "paused") return;
    const hint = `Let it run first: ${cliCommand("resume", state.name)}. To stop it at once: ${cliCommand("destroy", state.name)}.`;
    const message = `Domain "${state.name}" is paused: it cannot hear that.`;
    refuse("DOMAIN_NOT_RUNNING", message, hint, { domain: state.name });
  },
  decide: () => accept({}, () => ({ type: "DomainStopped", schema: 1, data: { cause: "shutdown" } })),
  guestStep: ({ timeoutMs }) => ({ step: "shutdown", timeoutMs }),
  isDone: (guest) => guest === "off",
};
