import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Let go of a domain. Refused while the guest runs, while folds are pending (but for --keep-files), with snapshots, or " +
    "with unsaved changes in its heads. Base images are never touched. What happened to it stays in the log.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [
    ["--discard-all", "discard its snapshots and unsaved changes"],
    ["--keep-files", "leave every file where it is, and list them"],
  ],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: it runs, has snapshots, has unsaved changes …"],
    [4, "no such domain or store"],
  ],
  examples: [
    "snapledger undefine web",
    "snapledger undefine web --discard-all --reason 'decommissioned' --ticket OPS-40",
  ],
  async run(cli) {
    const flag = cli.input.oneOf(["discard-all", "keep-files"]);
    const keep = flag === "discard-all" || flag === "keep-files" ? flag : "refuse";
    const outcome = await cli.execute({ type: "UndefineDomain", domain: cli.input.argument(0), keep });
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' has been undefined`);
  },
};
