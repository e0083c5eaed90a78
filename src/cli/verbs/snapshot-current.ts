import { atOption } from "../input/moment.ts";
import { printXml } from "../output/xml.ts";
import { currentSnapshot } from "../input/reading.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Show the current snapshot, the one that the heads stand on, as XML or by name.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [["--name", "its name only"], atOption],
  exits: [[4, "no such domain or store; or it has no current snapshot; or no record at this position"]],
  examples: ["snapledger snapshot-current web --name", "snapledger snapshot-current web --name --at 120"],
  async run(cli) {
    const snapshot = await currentSnapshot(cli, cli.input.argument(0));
    if (cli.json) cli.output.json(snapshot);
    else if (cli.input.has("name")) cli.output.line(snapshot.name);
    else await printXml(cli, snapshot, "rfc");
  },
};
