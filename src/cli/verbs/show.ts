import { History } from "../output/history.ts";
import { wholeNumber } from "../input/input.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Show one record of the log: what it says, and all its fields. With --json exactly its stored bytes.",
  arguments: [["<position>", "1 is the first record"]],
  exits: [[4, "no record at this position, or no such store"]],
  examples: ["snapledger show 12", "snapledger show 12 --json | head -c -83 | sha256sum"],
  async run(cli) {
    const position = wholeNumber(cli.input.argument(0), 1, "show");
    const connection = await cli.connection();
    const { record, line } = await connection.record(position);
    if (cli.json) {
      cli.output.stored(line);
      return;
    }
    cli.output.line(new History(await connection.names()).line(record));
    cli.output.json(record);
  },
};
