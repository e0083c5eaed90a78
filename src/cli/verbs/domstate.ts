import { cliCommand } from "../../errors.ts";
import { atOption } from "../input/moment.ts";
import { readDomain } from "../input/reading.ts";
import { guestStateWord } from "../output/states.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Ask the guest, and print its state: running, paused or shut off.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [atOption],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: ["snapledger domstate web", "snapledger domstate web --json --at 120"],
  async run(cli) {
    const logged = await readDomain(cli, cli.input.argument(0));
    const state = await (await cli.connection()).guestState(logged.id);
    if (state !== logged.state) {
      cli.warn({
        code: "GUEST_CHANGED",
        message: `By the log it is ${guestStateWord(logged.state)}: what became of it is not recorded yet.`,
        hint: `The next changing command does that, or: ${cliCommand("recover", logged.name)}`,
      });
    }
    if (cli.json) cli.output.json({ state });
    else cli.output.line(guestStateWord(state));
  },
};
