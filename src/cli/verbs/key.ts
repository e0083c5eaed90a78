import { keyOf, keyOption } from "../input/proof.ts";
import { fieldLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Show the public key that the log's checkpoints are signed with. Give its fingerprint to those who are to believe it, by " +
    "another way than the proofs themselves: by hand, on paper, on a page of your own.",
  options: [
    ["--fingerprint", "the fingerprint alone: SHA-256 of the key in DER form"],
    ["--pem", "the key in PEM form, for openssl"],
    ["--verifier", "the key as witnesses and tools for signed notes take it"],
    keyOption,
  ],
  exits: [[4, "no such store or key"]],
  examples: ["snapledger key --fingerprint", "snapledger key --pem | openssl pkey -pubin -outform DER | sha256sum"],
  async run(cli) {
    const { input, output, json } = cli;
    const form = input.oneOf(["fingerprint", "pem", "verifier"]);
    const key = await (await cli.connection()).publicKey(keyOf(input));
    if (json) output.json(key);
    else if (form === "fingerprint") output.line(key.fingerprint);
    else if (form === "pem") output.document(key.pem);
    else if (form === "verifier") output.line(key.verifierKey);
    else
      output.lines(
        fieldLines([
          ["Name", key.name],
          ["Fingerprint", key.fingerprint],
          ["Verifier key", key.verifierKey],
        ]),
      );
  },
};
