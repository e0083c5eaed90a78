import { processCaller } from "../input/caller.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Create a store: the folder, the log and its first record. Nothing else creates one.",
  exits: [[3, "there is a store already, or the folder is not fit for one"]],
  examples: ["snapledger init", "snapledger init --store /srv/snapledger"],
  async run(cli) {
    const { init } = await import("../../connection/connection.ts");
    const connection = await init(cli.store, processCaller(process.env));
    try {
      if (cli.json) cli.output.json({ store: cli.store, head: await connection.head() });
      else cli.output.line(`Store created in ${cli.store}`);
    } finally {
      await connection.close();
    }
  },
};
