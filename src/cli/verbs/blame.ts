import type { EventRecord, SnapshotInfo } from "../../connection/api.ts";
import { Blame } from "../../projections/history/blame.ts";
import { explain } from "../../projections/explain/explain.ts";
import { asOf, atOption } from "../input/moment.ts";
import { columnsOf } from "../output/table.ts";
import { localTime } from "../output/time.ts";
import { drawnTree } from "../output/tree.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Draw a domain's tree of snapshots with, beside each, what gave it the content that it has: who, when, why.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [atOption],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: ["snapledger blame web", "snapledger blame web --at 120 --json"],
  async run(cli) {
    const [connection, moment] = [await cli.connection(), await asOf(cli)];
    const domain = await connection.domain(cli.input.argument(0), moment);
    const snapshots = await connection.snapshots(domain.id, { topological: true }, moment);
    const blame = new Blame();
    const range = { domain: domain.id, to: domain.position + 1 };
    for await (const { record } of connection.read(range)) blame.push(record);
    if (cli.json)
      cli.output.json(snapshots.map(({ id, name, parent }) => ({ id, name, parent, by: blame.records.get(id) })));
    else printTree(cli, domain.name, snapshots, blame);
  },
};

function printTree(cli: Cli, domain: string, snapshots: readonly SnapshotInfo[], { records }: Blame): void {
  const drawn = drawnTree(snapshots);
  const width = drawn.reduce((most, { text, node }) => (node ? Math.max(most, columnsOf(text)) : most), 0);
  const lines = drawn.map(({ text, node }) => {
    const record = node && records.get(node.id);
    return record ? `${text}${" ".repeat(width - columnsOf(text))}  ${because(record, domain)}` : text;
  });
  cli.output.lines([...lines, ""]);
}

function because(record: EventRecord, domain: string): string {
  return `${String(record.position).padStart(6)}  ${localTime(record.time)}  ${explain(record, { domain })}`;
}
