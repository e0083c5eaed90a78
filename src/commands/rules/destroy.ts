import type { DestroyDomain } from "../../events/command.ts";
import { accept } from "./decision.ts";
import { checkRunning } from "./guest.ts";
import type { CommandRule } from "./rule.ts";

/** Pulls the guest's plug. */
export const destroyDomain: CommandRule<DestroyDomain> = {
  permit: checkRunning,
  decide: () => accept({}, () => ({ type: "DomainStopped", schema: 1, data: { cause: "destroyed" } })),
  guestStep: () => ({ step: "stop" }),
  isDone: (guest) => guest === "off",
};
