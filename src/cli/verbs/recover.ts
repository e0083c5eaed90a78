import type { Outcome } from "../../face.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Settle operations that died half-way, by what is there: each is found finished, is undone, or is left for an " +
    "operator. Changing verbs do this for their own domain. A second run finds nothing to do.",
  arguments: [["[domain]", "its name or uuid; none: every domain"]],
  options: [["--explain", "say what was found and chosen"]],
  changes: true,
  exits: [
    [1, "it was tried and failed, or an operator has to decide (NEEDS_OPERATOR)"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger recover --explain", "snapledger recover web --plan"],
  async run(cli) {
    const domain = cli.input.optional(0);
    const outcomes =
      domain === undefined ? await cli.recoverAll() : [await cli.execute({ type: "RecoverDomain", domain })];
    if (cli.json) cli.output.json(outcomes);
    else if (outcomes.length === 0) cli.output.line("No domains; nothing to recover");
    else outcomes.forEach((outcome) => cli.output.lines(lines(outcome, cli.input.has("explain"))));
  },
};

function lines({ domain, planned, recovered, foldsPending, folded }: Outcome, explain: boolean): string[] {
  const found = recovered.length + folded > 0;
  const pending = foldsPending > 0 ? `; ${foldsPending} folds pending` : "";
  const done = planned ? "would be recovered" : "recovered";
  return [
    `Domain '${domain.name}': ${found ? done : "nothing to recover"}${pending}`,
    ...(explain ? recovered.map((sentence) => `  ${sentence}`) : []),
  ];
}
