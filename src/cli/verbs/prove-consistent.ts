import { keyOf, keyOption, positionOrCheckpoint } from "../input/proof.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Prove that the log only grew: that what it was at NEW begins with all it was at OLD. Prints a signed checkpoint of " +
    "NEW with the few hashes that lead to it from OLD's: what a C2SP witness takes to add its own signature.",
  arguments: [
    ["<old>", "a position, or the file of a checkpoint"],
    ["[new]", "the same; none: where the log ends now"],
  ],
  options: [keyOption],
  exits: [
    [3, "a checkpoint is not signed by the key, or others can read the key"],
    [4, "no such position, store or key"],
  ],
  examples: [
    "snapledger prove-consistent 2026-11-24.checkpoint 2026-11-25.checkpoint",
    "snapledger prove-consistent 120 | curl --data-binary @- https://witness.example/add-checkpoint",
  ],
  async run(cli) {
    const { input, output, json } = cli;
    const old = await positionOrCheckpoint(input.argument(0), "OLD");
    const later = input.optional(1);
    const now = later === undefined ? undefined : await positionOrCheckpoint(later, "NEW");
    const proof = await (await cli.connection()).proveConsistent(old, now, keyOf(input));
    if (json) output.json(proof);
    else output.document(proof.text);
  },
};
