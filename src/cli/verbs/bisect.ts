import { withStoreOption, cliCommand, SnapledgerError } from "../../errors.ts";
import { conditionHelp } from "../input/condition-help.ts";
import { History } from "../output/history.ts";
import { positionOf } from "../input/moment.ts";
import { count } from "../../projections/explain/wording.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: `Find the first event of a domain after which a condition holds, by halving its history. ${conditionHelp}`,
  arguments: [["<domain>", "its name or uuid, also of one that is gone"]],
  options: [
    ["--when <condition>", "what to look for"],
    ["--until <time|position>", "a moment at which it held, if it does not hold any more"],
  ],
  exits: [[4, "no such domain or store, or it does not hold at the end"]],
  examples: [
    "snapledger bisect web --when 'not snapshot(\"before-upgrade\")'",
    "snapledger bisect web --when 'snapshots.count > 10 and current == \"db\"' --json",
  ],
  async run(cli) {
    const [domain, when, until] = [cli.input.argument(0), cli.input.value("when"), cli.input.value("until")];
    if (when === undefined) {
      throw new SnapledgerError("USAGE", "Say what to look for.", { hint: "Such as --when 'snapshots.count > 10'." });
    }
    const connection = await cli.connection();
    const end = until === undefined ? undefined : await positionOf(cli, until, "--until");
    const found = await connection.bisect(domain, when, end);
    if (cli.json) {
      cli.output.json(found);
      return;
    }
    const { position, folds, events, record } = found;
    cli.output.line(`First holds after (${count(folds, "fold")} for ${count(events, "event")}):`);
    cli.output.line(new History(await connection.names()).line(record));
    if (position > 1)
      cli.output.line(
        withStoreOption(
          `See: ${cliCommand("diff", String(position - 1), String(position), domain)}`,
          cli.input.value("store"),
        ),
      );
  },
};
