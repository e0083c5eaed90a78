import { SnapledgerError } from "../../errors.ts";
import type { Verb } from "../verb.ts";

/** A verb that virsh has and that means something else here: it says what to use, and does nothing. */
export function insteadOf(name: string, differs: string, use: string, examples: Verb["examples"]): Verb {
  return {
    about: `Does nothing: ${differs} ${use}`,
    arguments: [["[anything...]", "not looked at"]],
    anything: true,
    exits: [[3, "always, unless help is asked for"]],
    examples,
    run: () =>
      Promise.reject(new SnapledgerError("UNSUPPORTED", `${name} is not done here: ${differs}`, { hint: use })),
  };
}
