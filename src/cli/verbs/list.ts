import { asOf, atOption } from "../input/moment.ts";
import { warnOfOperation } from "../input/reading.ts";
import { guestStateWord } from "../output/states.ts";
import { tableLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "List domains, running or not.",
  options: [
    ["--all", "the same: stopped domains are always listed (known from virsh)"],
    ["--name", "names only"],
    atOption,
  ],
  exits: [[4, "no such store, or no record at this position"]],
  examples: ["snapledger list", "snapledger list --name --at 2026-11-25"],
  async run(cli) {
    const [connection, then] = [await cli.connection(), await asOf(cli)];
    // All of a domain takes longer than what a list shows of it.
    const domains = await (cli.json ? connection.domains(then) : connection.summaries(then));
    for (const domain of domains) warnOfOperation(cli, domain);
    if (cli.json) cli.output.json(domains);
    else if (cli.input.has("name")) cli.output.lines(domains.map(({ name }) => name));
    else {
      // virsh's Id is a number that a running guest has in libvirtd; there is none here.
      const rows = domains.map(({ name, state }) => ["-", name, guestStateWord(state)]);
      cli.output.lines([...tableLines(["Id", "Name", "State"], rows), ""]);
    }
  },
};
