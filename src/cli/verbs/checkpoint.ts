import { keyOf, keyOption } from "../input/proof.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Sign the log as it stands: how many records it has, and the root of the Merkle tree over them (RFC 6962), as a " +
    "C2SP checkpoint that witnesses and other tools can read. Kept in another place, it proves later that none of these " +
    "records was changed or taken out: snapledger verify --checkpoint FILE.",
  options: [keyOption],
  exits: [
    [3, "others can read the key"],
    [4, "no such store or key"],
  ],
  examples: [
    "snapledger checkpoint > /mnt/elsewhere/2026-11-25.checkpoint",
    "snapledger checkpoint --key /run/key.pem",
  ],
  async run(cli) {
    const checkpoint = await (await cli.connection()).checkpoint(keyOf(cli.input));
    if (cli.json) cli.output.json(checkpoint);
    else cli.output.document(checkpoint.note);
  },
};
