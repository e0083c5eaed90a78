import type { ResumeDomain } from "../../events/command.ts";
import { accept } from "./decision.ts";
import { checkRunning, refuseRunningAlready } from "./guest.ts";
import type { CommandRule } from "./rule.ts";

export const resumeDomain: CommandRule<ResumeDomain> = {
  permit(state, facts) {
    checkRunning(state, facts);
    if (facts.guest === "running") refuseRunningAlready(state);
  },
  decide: () => accept({}, () => ({ type: "DomainResumed", schema: 1, data: { cause: "asked" } })),
  guestStep: () => ({ step: "resume" }),
  isDone: (guest) => guest === "running",
};
