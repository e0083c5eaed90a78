import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Stop the guest's processors; its memory and devices stay as they are.",
  arguments: [["<domain>", "its name or uuid"]],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: it does not run, or is paused already"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger suspend web", "snapledger suspend web --reason 'backup of the host'"],
  async run(cli) {
    const outcome = await cli.execute({ type: "SuspendDomain", domain: cli.input.argument(0) });
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' suspended`);
  },
};
