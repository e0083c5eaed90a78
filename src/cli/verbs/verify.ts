import { SnapledgerError } from "../../errors.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Prove the whole log: each record's hash, its link to the one before, its position and its domain's revision. " +
    "Changes nothing.",
  exits: [[4, "no such store"]],
  examples: ["snapledger verify", "snapledger verify --json"],
  async run(cli) {
    const connection = await cli.connection();
    const onProgress = (done: number, total: number) => cli.progress("verify", done, total);
    const verdict = await connection.verify({ onProgress });
    if (cli.json) cli.output.json(verdict);
    const { head, valid, firstBad } = verdict;
    if (!verdict.ok) {
      const where = firstBad ? `Record ${firstBad.position}: ${firstBad.why}.` : "The log is not what it was.";
      throw new SnapledgerError("LOG_DAMAGED", `${where} ${valid} records are proven.`, {
        facts: { valid, firstBad },
        hint: "Change nothing in the store; copy its folder aside before anything else.",
      });
    }
    if (!cli.json) cli.output.line(`${valid} records verified; the log ends at ${head.position} with ${head.hash}`);
  },
};
