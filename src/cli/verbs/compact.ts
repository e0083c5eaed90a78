import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Fold the layers that merges left behind, and unlink files that nothing refers to. Merges do this themselves; " +
    "what was blocked (no space, a locked image, a running guest) waits for this.",
  arguments: [["<domain>", "its name or uuid"]],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger compact web", "snapledger compact web --plan"],
  async run(cli) {
    const outcome = await cli.execute({ type: "CompactDomain", domain: cli.input.argument(0) });
    const pending = outcome.foldsPending > 0;
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' ${pending ? "is not wholly compacted" : "compacted"}`);
  },
};
