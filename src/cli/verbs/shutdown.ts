import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Press the guest's power button and wait until it has shut itself down. One that does not listen runs on; it may " +
    "still shut down later, and the next command notices.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [["--timeout <seconds>", "how long to wait for it (default 60)"]],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: it does not run, or is paused"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger shutdown web", "snapledger shutdown web --timeout 300 --reason 'maintenance'"],
  async run(cli) {
    const timeoutMs = (cli.input.integer("timeout", 0) ?? 60) * 1000;
    const outcome = await cli.execute({ type: "ShutdownDomain", domain: cli.input.argument(0), timeoutMs });
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' shut down`);
  },
};
