import type { SnapshotState } from "../../events/records.ts";
import type { SnapshotFilter, SnapshotInfo } from "../../connection/api.ts";
import { SnapledgerError } from "../../errors.ts";
import type { Input } from "../input/input.ts";
import { asOf, atOption } from "../input/moment.ts";
import { readDomain } from "../input/reading.ts";
import { snapshotStateWord } from "../output/states.ts";
import { tableLines } from "../output/table.ts";
import { localTime } from "../output/time.ts";
import { treeLines } from "../output/tree.ts";
import type { Cli, Verb } from "../verb.ts";

/** By state at creation; several of them are alternatives. */
const stateFlags: readonly (readonly [flag: string, states: readonly SnapshotState[]])[] = [
  ["inactive", ["off"]],
  ["active", ["running", "paused"]],
  ["disk-only", ["disk-snapshot"]],
];

export const verb: Verb = {
  about: "List a domain's snapshots, by name. Filters of one kind are alternatives; different kinds must all hold.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [
    ["--tree", "draw the tree (past 30 levels the indentation starts again, with the depth in front)"],
    ["--name", "names only"],
    ["--parent", "add a column with the parent"],
    ["--roots", "only those without a parent"],
    ["--leaves", "only those without children"],
    ["--no-leaves", "only those with children"],
    ["--from <name>", "only children of this snapshot"],
    ["--descendants", "with --from: everything below it"],
    ["--topological", "parents before children"],
    ["--inactive", "only those taken of a stopped guest"],
    ["--active", "only those with a running guest's memory"],
    ["--disk-only", "only those of a running guest's disks alone"],
    ["--deactivated", "only those marked by snapshot-deactivate"],
    atOption,
  ],
  exits: [[4, "no such domain, snapshot or store, or no record at this position"]],
  examples: [
    "snapledger snapshot-list web --tree --at '2026-11-25 14:03'",
    "snapledger snapshot-list web --from before-upgrade --descendants",
  ],
  async run(cli) {
    checkFlags(cli.input);
    const domain = cli.input.argument(0);
    const connection = await cli.connection();
    const [snapshots] = await Promise.all([
      connection.snapshots(domain, filterFrom(cli.input), await asOf(cli)),
      readDomain(cli, domain),
    ]);
    if (cli.json) cli.output.json(snapshots);
    else if (cli.input.has("name")) cli.output.lines(snapshots.map(({ name }) => name));
    else if (cli.input.has("tree")) await printTree(cli, domain, snapshots);
    else printTable(cli, snapshots);
  },
};

/** What virsh does not draw, or not together. */
const notWithTree = [
  "name",
  "parent",
  "roots",
  "leaves",
  "no-leaves",
  "inactive",
  "active",
  "disk-only",
  "deactivated",
];

function checkFlags(input: Input): void {
  for (const other of notWithTree) input.oneOf(["tree", other]);
  input.oneOf(["roots", "from"]);
  input.oneOf(["roots", "parent"]);
  if (!input.has("descendants") || input.value("from") !== undefined) return;
  throw new SnapledgerError("USAGE", "--descendants needs --from.", { hint: "Give --from NAME." });
}

function filterFrom(input: Input): SnapshotFilter {
  const states = stateFlags.flatMap(([flag, some]) => (input.has(flag) ? some : []));
  const from = input.value("from");
  return {
    roots: input.has("roots"),
    leaves: input.has("leaves"),
    noLeaves: input.has("no-leaves"),
    descendants: input.has("descendants"),
    deactivated: input.has("deactivated"),
    topological: input.has("topological"),
    ...(from === undefined ? {} : { from }),
    ...(states.length > 0 ? { states } : {}),
  };
}

function printTable({ input, output }: Cli, snapshots: readonly SnapshotInfo[]): void {
  const withParent = input.has("parent");
  const titles = ["Name", "Creation Time", "State", ...(withParent ? ["Parent"] : [])];
  const rows = snapshots.map(({ name, creationTime, state, parent }) => [
    ...[name, localTime(creationTime), snapshotStateWord(state)],
    ...(withParent ? [parent?.name ?? ""] : []),
  ]);
  output.lines([...tableLines(titles, rows), ""]);
}

/** With --from the snapshot itself is the root, as virsh draws it. */
async function printTree(cli: Cli, domain: string, below: readonly SnapshotInfo[]): Promise<void> {
  const from = cli.input.value("from");
  const top = from === undefined ? [] : [await (await cli.connection()).snapshot(domain, from, await asOf(cli))];
  cli.output.lines([...treeLines([...top, ...below]), ""]);
}
