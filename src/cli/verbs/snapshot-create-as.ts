import { createCommand, createExits, createOptions } from "../input/create.ts";
import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Take a snapshot of a domain, with its name and description as arguments instead of XML.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["[name]", "none: made up from the time"],
    ["[description]", "kept with it"],
  ],
  options: createOptions,
  changes: true,
  exits: createExits,
  examples: [
    "snapledger snapshot-create-as --offline web before-upgrade 'Debian 12, all patches'",
    "snapledger snapshot-create-as web before-upgrade --disk-only --reason 'patch day'",
  ],
  async run(cli) {
    const [name = null, description = ""] = [cli.input.optional(1), cli.input.optional(2)];
    const outcome = await cli.execute(createCommand(cli.input, { name, description, compression: null }));
    printOutcome(cli, outcome, `Domain snapshot ${outcome.snapshot?.name ?? name ?? ""} created`);
  },
};
