import { printOutcome } from "../outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Start the guest from a snapshot, leaf or not: fresh heads on its layers, and its memory resumed if it has one. " +
    "Unsaved changes in the old heads are kept as a snapshot autosave-… unless --discard-changes is given.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["<name>", "the snapshot"],
  ],
  options: [
    ["--no-start", "move the heads, but leave the guest off"],
    ["--discard-changes", "throw unsaved changes away"],
  ],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: the guest runs, or its driver cannot start guests (give --no-start) …"],
    [4, "no such domain, snapshot or store"],
  ],
  examples: [
    "snapledger create-with-snapshot web before-upgrade --no-start --reason 'upgrade failed'",
    "snapledger create-with-snapshot web before-upgrade --no-start --discard-changes --plan",
  ],
  async run(cli) {
    const [domain, snapshot] = [cli.input.argument(0), cli.input.argument(1)];
    const start = !cli.input.has("no-start");
    const discardChanges = cli.input.has("discard-changes");
    const outcome = await cli.execute({ type: "CreateWithSnapshot", domain, snapshot, start, discardChanges });
    const done = start ? "started from" : "is not started; its heads stand on";
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' ${done} snapshot ${snapshot}`);
  },
};
