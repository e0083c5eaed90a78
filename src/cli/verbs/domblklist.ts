import { readDomain } from "../reading.ts";
import { tableLines } from "../table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "List a domain's disks with the head file of each: the file that the guest writes to, and is to be started on.",
  arguments: [["<domain>", "its name or uuid"]],
  exits: [[4, "no such domain or store"]],
  examples: ["snapledger domblklist web", "snapledger domblklist web --json"],
  async run(cli) {
    const { disks } = await readDomain(cli, cli.input.argument(0));
    if (cli.json) cli.output.json(disks);
    else {
      const rows = disks.map(({ target, head }) => [target, head.path]);
      cli.output.lines([...tableLines(["Target", "Source"], rows), ""]);
    }
  },
};
