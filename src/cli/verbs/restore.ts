import { absolute } from "../input/absolute.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Make a store (--store DIR, which must be new or empty) of a backup, each record proven on the way. That it was " +
    "restored is recorded in it. Put the layers back under their own paths, then run verify --files.",
  arguments: [["<file>", "made by snapledger backup"]],
  exits: [
    [3, "there is a store already, or the folder is not fit for one"],
    [4, "no such file"],
  ],
  examples: [
    "snapledger restore log-monday.tar.gz --store /srv/snapledger --reason 'disk lost'",
    "snapledger restore log.tar.gz --store ./copy --json",
  ],
  async run(cli) {
    const { restore } = await import("../../connection/maintenance.ts");
    const head = await restore(absolute(cli.input.argument(0)), cli.store, cli.caller(), {
      reason: cli.input.value("reason") ?? null,
      ticket: cli.input.value("ticket") ?? null,
      onVerified: (done, total) => cli.progress("restore", done, total),
    });
    if (cli.json) cli.output.json({ store: cli.store, head });
    else cli.output.line(`Store restored in ${cli.store}; its log ends at ${head.position} with ${head.hash}`);
  },
};
