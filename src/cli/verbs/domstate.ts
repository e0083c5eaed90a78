import { atOption } from "../moment.ts";
import { readDomain } from "../reading.ts";
import { guestStateWord } from "../states.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Print the guest's state: running, paused or shut off.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [atOption],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: ["snapledger domstate web", "snapledger domstate web --json --at 120"],
  async run(cli) {
    const { state } = await readDomain(cli, cli.input.argument(0));
    if (cli.json) cli.output.json({ state });
    else cli.output.line(guestStateWord(state));
  },
};
