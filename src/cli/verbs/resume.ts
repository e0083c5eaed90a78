import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Let a suspended guest go on.",
  arguments: [["<domain>", "its name or uuid"]],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: it does not run, or is not paused"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger resume web", "snapledger resume web --json"],
  async run(cli) {
    const outcome = await cli.execute({ type: "ResumeDomain", domain: cli.input.argument(0) });
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' resumed`);
  },
};
