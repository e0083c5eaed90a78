import type { Unsettled } from "../../commands/recovery/recover-all.ts";
import { isSnapledgerError, withStoreOption } from "../../errors.ts";
import type { Outcome } from "../../connection/api.ts";
import { count } from "../../projections/explain/wording.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Settle operations that died half-way, by what is there: each is found finished, is undone, or is left for an " +
    "operator. Changing verbs do this for their own domain. A second run finds nothing to do.",
  arguments: [["[domain]", "its name or uuid; none: every domain"]],
  options: [["--explain", "say what was found and chosen"]],
  changes: true,
  exits: [
    [1, "it was tried and failed, or an operator has to decide (NEEDS_OPERATOR); the other domains are settled"],
    [4, "no such domain or store"],
  ],
  examples: ["snapledger recover --explain", "snapledger recover web --plan"],
  async run(cli) {
    const domain = cli.input.optional(0);
    const recovering =
      domain === undefined ? cli.recoverAll() : cli.execute({ type: "RecoverDomain", domain }).then((one) => [one]);
    const outcomes = await recovering.catch((error: unknown) => {
      printSettled(cli, error);
      throw error;
    });
    print(cli, outcomes);
  },
};

function print(cli: Cli, outcomes: readonly Outcome[]): void {
  if (cli.json) cli.output.json(outcomes);
  else if (outcomes.length === 0) cli.output.line("No domains; nothing to recover");
  else outcomes.forEach((outcome) => cli.output.lines(lines(outcome, cli.input.has("explain"))));
}

/** Some domains could not be settled: the others are shown all the same, and each error but the first, which ends it. */
function printSettled(cli: Cli, error: unknown): void {
  if (!isSnapledgerError(error) || !("unsettled" in error.facts)) return;
  const { outcomes, unsettled } = error.facts as { outcomes: readonly Outcome[]; unsettled: readonly Unsettled[] };
  for (const warning of outcomes.flatMap(({ warnings }) => warnings)) cli.warn(warning);
  if (cli.json) return cli.output.json(outcomes);
  if (outcomes.length > 0) print(cli, outcomes);
  for (const { domain } of unsettled) cli.output.line(`Domain '${domain.name}': not recovered`);
  for (const { code, message, hint } of unsettled.slice(1)) {
    cli.output.aside(`error [${code}] ${message}`);
    if (hint !== null) cli.output.aside(`hint: ${withStoreOption(hint, cli.input.value("store"))}`);
  }
}

function lines({ domain, planned, recovered, foldsPending, folded }: Outcome, explain: boolean): string[] {
  const found = recovered.length + folded > 0;
  const pending = foldsPending > 0 ? `; ${count(foldsPending, "fold")} pending` : "";
  const done = planned ? "would be recovered" : "recovered";
  return [
    `Domain '${domain.name}': ${found ? done : "nothing to recover"}${pending}`,
    ...(explain ? recovered.map((sentence) => `  ${sentence}`) : []),
  ];
}
