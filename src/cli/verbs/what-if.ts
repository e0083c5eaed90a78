import { SnapledgerError } from "../../errors.ts";
import type { Verdict } from "../../commands/what-if/decide.ts";
import { RulesTrial } from "../../commands/what-if/rules.ts";
import { WhatIf } from "../../commands/what-if/what-if.ts";
import { sortedByName } from "../../projections/views/name-order.ts";
import { diffStates, isSame } from "../../projections/history/diff.ts";
import type { DomainState } from "../../projections/state.ts";
import { commandText, count } from "../../projections/explain/wording.ts";
import { readInsertions } from "../input/insertions.ts";
import { History } from "../output/history.ts";
import { wholeNumber } from "../input/input.ts";
import { sideBySide } from "../output/side-by-side.ts";
import { treeLines } from "../output/tree.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Decide the recorded commands again in a history that was otherwise, by rules and folds in memory, and show each " +
    "decision that flips and both trees. A guest is taken to have written as much to whatever head it had; a base image " +
    "that no recorded merge looked at is taken to be writable and unshared. With --rules every recorded command is " +
    "decided again by the rules of this version, on what it was decided on then. The store is not touched.",
  options: [
    ["--skip <position>", "the operation that this record belongs to did not happen (may be given again)", "repeat"],
    ["--force <position>", "the merge or discard at this position was given with force (may be given again)", "repeat"],
    ["--insert <file>", 'other commands were given: a JSON array of {"after": POSITION, "command": {…}}; - is stdin'],
    ["--rules", "which recorded decisions today's rules would change"],
  ],
  exits: [
    [1, "--rules: some decision would change"],
    [4, "no record at this position, or no such file or store"],
  ],
  examples: ["snapledger what-if --skip 42", "snapledger what-if --rules --json"],
  async run(cli) {
    const { input } = cli;
    const [skip, force] = [positions(cli, "skip"), positions(cli, "force")];
    const file = input.value("insert");
    const supposes = skip.length > 0 || force.length > 0 || file !== undefined;
    if (supposes === input.has("rules")) {
      const hint = "Such as --skip 42; or --rules by itself.";
      throw new SnapledgerError("USAGE", "Say what is to be otherwise, or --rules, one of them.", { hint });
    }
    if (input.has("rules")) return tryRules(cli);
    const insert = file === undefined ? [] : await readInsertions(file);
    const connection = await cli.connection();
    const leftOut = new Set<string>();
    for (const position of [...skip, ...force, ...insert.map(({ after }) => after)]) {
      const { record } = await connection.record(position);
      if (skip.includes(position)) leftOut.add(operationOf(record.operation, position));
      if (force.includes(position)) checkForce(record, position);
    }
    const trial = new WhatIf({ skip, force, insert }, leftOut);
    for await (const { record } of connection.read()) trial.push(record);
    await report(cli, trial);
  },
};

function positions({ input }: Cli, option: string): number[] {
  return input.values(option).map((text) => wholeNumber(text, 1, `--${option}`));
}

function operationOf(operation: string | null, position: number): string {
  if (operation !== null) return operation;
  throw new SnapledgerError("USAGE", `The record at ${position} is of no operation.`, {
    hint: "See: `snapledger log`",
  });
}

function checkForce({ type, data }: { type: string; data: object }, position: number): void {
  const command = "command" in data && typeof data.command === "object" ? data.command : null;
  if ((type === "OperationStarted" || type === "CommandRejected") && command && "force" in command) return;
  throw new SnapledgerError("USAGE", `At ${position} no merge or discard was asked for that force could change.`, {
    hint: "Give the position of its refusal, or the first of its operation: see `snapledger log --rejected`.",
  });
}

async function report(cli: Cli, { flips, skipped, domains }: WhatIf): Promise<void> {
  const changed = [...domains.values()].filter(({ actual, other }) => !isSame(diffStates(actual, other)));
  if (cli.json) {
    const outcomes = changed.map(({ actual, other }) => diffStates(actual, other));
    cli.output.json({ flips, skipped: skipped.map(({ position }) => position), domains: outcomes });
    return;
  }
  const history = new History(await (await cli.connection()).names());
  if (skipped.length > 0) cli.output.lines(["Left out:", history.operationLine(skipped), ""]);
  cli.output.line(flips.length === 0 ? "No decision flips." : "Decided otherwise:");
  for (const { position, domain, command, was, now } of flips) {
    const name = domains.get(domain)?.other.name ?? domains.get(domain)?.actual.name;
    cli.output.line(`${String(position).padStart(11)}  ${commandText(command, name === "" ? undefined : name)}`);
    cli.output.line(`${" ".repeat(13)}${was ? `was ${verdictText(was)}; ` : "inserted; "}would be ${verdictText(now)}`);
  }
  cli.output.line();
  if (changed.length === 0) cli.output.line("Every domain ends as it is.");
  for (const { actual, other } of changed) {
    const name = actual.name || other.name;
    cli.output.lines([...sideBySide([`${name} as it is`, tree(actual)], [`${name} as it would be`, tree(other)]), ""]);
  }
}

function verdictText(verdict: Verdict): string {
  return verdict.accepted ? "taken" : `refused: ${verdict.message} [${verdict.code}]`;
}

function tree(state: DomainState): string[] {
  if (!state.defined) return ["(not defined)"];
  const byName = sortedByName(state.snapshots.values());
  const nodes = byName.map(({ id, name, parent }) => ({
    ...{ id, name: `${name}${state.current === id ? " *" : ""}`, parent: parent === null ? null : { id: parent } },
  }));
  return nodes.length === 0 ? ["(no snapshots)"] : treeLines(nodes);
}

async function tryRules(cli: Cli): Promise<void> {
  const trial = new RulesTrial();
  for await (const { record } of (await cli.connection()).read()) trial.push(record);
  const { changed, decided } = trial;
  if (cli.json) cli.output.json({ decided, changed });
  else {
    for (const { position, command, was, now, planChanged } of changed) {
      cli.output.line(`${String(position).padStart(11)}  ${commandText(command)}`);
      const would = planChanged ? "would be taken with another plan" : `would be ${verdictText(now)}`;
      cli.output.line(`${" ".repeat(13)}was ${verdictText(was)}; ${would}`);
    }
  }
  if (changed.length === 0) {
    if (!cli.json)
      cli.output.line(`${count(decided, "recorded decision")}, and today's rules decide each as it was decided.`);
    return;
  }
  throw new SnapledgerError(
    "RULES_DIFFER",
    `${changed.length} of ${decided} recorded decisions would be others today.`,
    {
      facts: { decided, changed: changed.length },
      hint: "Look at each before this version is used: what was refused then may pass now, and the other way round.",
    },
  );
}
