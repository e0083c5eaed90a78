import { fieldLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Show where the log ends: its id, its last position and that record's hash. Kept in another place, this is what " +
    "proves later that nothing before it was changed.",
  exits: [[4, "no such store"]],
  examples: ["snapledger head", "snapledger head --json > head.json"],
  async run(cli) {
    const head = await (await cli.connection()).head();
    if (cli.json) cli.output.json(head);
    else {
      cli.output.lines(
        fieldLines([
          ["Log", head.logId],
          ["Position", String(head.position)],
          ["Hash", head.hash],
        ]),
      );
    }
  },
};
