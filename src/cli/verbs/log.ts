import { History } from "../history.ts";
import type { Input } from "../input.ts";
import { wholeNumber } from "../input.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Print the log, or one domain's part of it: who did what, why, and what it destroyed. With --json one stored " +
    "record per line, exactly its bytes: the text of users in it is not escaped for a terminal.",
  arguments: [["[domain]", "its name or uuid"]],
  options: [
    ["--from <position>", "the first position"],
    ["--to <position>", "the position to stop before"],
  ],
  exits: [[4, "no such domain or store"]],
  examples: ["snapledger log web", "snapledger log --json | head -n 1 | head -c -83 | sha256sum"],
  async run(cli) {
    const { output, json } = cli;
    const connection = await cli.connection();
    const names = json ? [] : await connection.domains();
    const history = new History(names.map(({ id, name }) => [id, name]));
    for await (const { record, line } of connection.read(range(cli.input))) {
      if (json) output.stored(line);
      else output.line(history.line(record));
      await output.drained();
      if (output.gone) break;
    }
  },
};

function range(input: Input): { domain?: string; from?: number; to?: number } {
  const [domain, from, to] = [input.optional(0), input.value("from"), input.value("to")];
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(from === undefined ? {} : { from: wholeNumber(from, 1, "--from") }),
    ...(to === undefined ? {} : { to: wholeNumber(to, 1, "--to") }),
  };
}
