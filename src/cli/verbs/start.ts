import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Start the guest on its heads, under a QEMU process of its own that lives on when this command has ended. It boots; " +
    "create-with-snapshot resumes a memory.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [["--paused", "do not let it run yet"]],
  changes: true,
  exits: [
    [1, "it was tried and failed: QEMU is missing, or gave up (its words are shown)"],
    [3, "a rule refused: it runs already, or its driver cannot start guests"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger start web", "snapledger start web --paused"],
  async run(cli) {
    const paused = cli.input.has("paused");
    const outcome = await cli.execute({ type: "StartDomain", domain: cli.input.argument(0), paused });
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' started`);
  },
};
