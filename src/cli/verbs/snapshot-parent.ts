import { SnapledgerError } from "../../errors.ts";
import { chosenSnapshot } from "../reading.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Print the name of a snapshot's parent.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["[name]", "the snapshot"],
  ],
  options: [["--current", "the current snapshot"]],
  exits: [[4, "no such domain, snapshot or store; or it has no parent"]],
  examples: ["snapledger snapshot-parent web before-upgrade", "snapledger snapshot-parent web --current"],
  async run(cli) {
    const { name, parent } = await chosenSnapshot(cli);
    if (!parent) {
      throw new SnapledgerError("SNAPSHOT_NOT_FOUND", `Snapshot "${name}" has no parent.`, {
        facts: { snapshot: name },
        hint: "It stands on the base image.",
      });
    }
    if (cli.json) cli.output.json(await (await cli.connection()).snapshot(cli.input.argument(0), parent.name));
    else cli.output.line(parent.name);
  },
};
