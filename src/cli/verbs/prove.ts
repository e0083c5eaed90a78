import { wholeNumber } from "../input/input.ts";
import { keyOf, keyOption, readCheckpoint } from "../input/proof.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Prove that a record is in the log: print a C2SP tlog-proof, a signed checkpoint with the few hashes that lead from " +
    "the record to it. The record's stored line (snapledger show POSITION --json) and the public key are enough to check it.",
  arguments: [["<position>", "1 is the first record"]],
  options: [["--checkpoint <file>", "prove it under this checkpoint, which was signed before"], keyOption],
  exits: [
    [3, "the checkpoint is not signed by the key, or others can read the key"],
    [4, "no record at this position, or no such store or key"],
  ],
  examples: ["snapledger prove 12 > 12.tlog-proof", "snapledger prove 12 --checkpoint 2026-11-25.checkpoint"],
  async run(cli) {
    const { input, output, json } = cli;
    const position = wholeNumber(input.argument(0), 1, "prove");
    const file = input.value("checkpoint");
    const checkpoint = file === undefined ? {} : { checkpoint: await readCheckpoint(file) };
    const proof = await (await cli.connection()).prove(position, { ...keyOf(input), ...checkpoint });
    if (json) output.json(proof);
    else output.document(proof.text);
  },
};
