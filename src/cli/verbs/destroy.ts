import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Stop the guest at once, as if its plug were pulled. Its disks and snapshots stay.",
  arguments: [["<domain>", "its name or uuid"]],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: it does not run"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger destroy demo", "snapledger destroy demo --reason 'hung'"],
  async run(cli) {
    const outcome = await cli.execute({ type: "DestroyDomain", domain: cli.input.argument(0) });
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' destroyed`);
  },
};
