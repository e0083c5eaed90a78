import { SnapledgerError } from "../../errors.ts";
import { printOutcome } from "../output/outcome.ts";
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
    ["--paused", "do not let it run yet"],
    ["--discard-changes", "throw unsaved changes away"],
  ],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: the guest runs, the snapshot's memory cannot be loaded (give --no-start) …"],
    [4, "no such domain, snapshot or store"],
  ],
  examples: [
    "snapledger create-with-snapshot web before-upgrade --reason 'upgrade failed'",
    "snapledger create-with-snapshot web before-upgrade --no-start --discard-changes --plan",
  ],
  async run(cli) {
    const [domain, snapshot] = [cli.input.argument(0), cli.input.argument(1)];
    const start = !cli.input.has("no-start");
    const discardChanges = cli.input.has("discard-changes");
    const paused = cli.input.has("paused") ? { paused: true } : {};
    if (!start && cli.input.has("paused")) throw bothGiven();
    const outcome = await cli.execute({
      type: "CreateWithSnapshot",
      domain,
      snapshot,
      start,
      ...paused,
      discardChanges,
    });
    const done = start ? "started from" : "is not started; its heads stand on";
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' ${done} snapshot ${snapshot}`);
  },
};

function bothGiven(): SnapledgerError {
  return new SnapledgerError("USAGE", "--no-start and --paused exclude each other.", {
    hint: "Leave one of them out.",
  });
}
