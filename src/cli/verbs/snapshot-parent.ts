import { SnapledgerError } from "../../errors.ts";
import { asOf, atOption } from "../input/moment.ts";
import { chosenSnapshot } from "../input/reading.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Print the name of a snapshot's parent.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["[name]", "the snapshot"],
  ],
  options: [["--current", "the current snapshot"], atOption],
  exits: [[4, "no such domain, snapshot or store; or it has no parent; or no record at this position"]],
  examples: ["snapledger snapshot-parent web before-upgrade", "snapledger snapshot-parent web --current"],
  async run(cli) {
    const { name, parent } = await chosenSnapshot(cli);
    if (!parent) {
      throw new SnapledgerError("SNAPSHOT_NOT_FOUND", `Snapshot "${name}" has no parent.`, {
        facts: { snapshot: name },
        hint: "It stands on the base image.",
      });
    }
    if (cli.json) {
      const connection = await cli.connection();
      cli.output.json(await connection.snapshot(cli.input.argument(0), parent.name, await asOf(cli)));
    } else cli.output.line(parent.name);
  },
};
