import { atOption } from "../input/moment.ts";
import { readDomain } from "../input/reading.ts";
import { tableLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "List a domain's disks with the head file of each: the file that the guest writes to, and is to be started on.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [atOption],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: ["snapledger domblklist web", "snapledger domblklist web --at '2026-11-25 14:03'"],
  async run(cli) {
    const { disks } = await readDomain(cli, cli.input.argument(0));
    if (cli.json) cli.output.json(disks);
    else {
      const rows = disks.map(({ target, head }) => [target, head.path]);
      cli.output.lines([...tableLines(["Target", "Source"], rows), ""]);
    }
  },
};
