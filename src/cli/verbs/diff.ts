import { guestStateWord } from "../output/states.ts";
import type { DomainDiff } from "../../connection/api.ts";
import { SnapledgerError } from "../../errors.ts";
import { diffTreeLines } from "../output/diff-tree.ts";
import { positionOf } from "../input/moment.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Show what is different between two points in the log: snapshots added (+), gone (-), rewritten by a merge (~) and " +
    "moved (>), the current one (*), layer files. With --json also the whole difference as JSON Patch (RFC 6902).",
  arguments: [
    ["<from>", "a position or a time"],
    ["<to>", "a position or a time"],
    ["[domain]", "only this one: its name or uuid then"],
  ],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: ["snapledger diff 41 42 web", "snapledger diff yesterday now --json"],
  async run(cli) {
    const connection = await cli.connection();
    const from = await positionOf(cli, cli.input.argument(0), "The first moment");
    const to = await positionOf(cli, cli.input.argument(1), "The second moment");
    const diffs = await connection.diff(from, to, cli.input.optional(2));
    if (cli.json) cli.output.json({ from, to, domains: diffs });
    else if (diffs.length === 0) cli.output.line(`Nothing is different between position ${from} and position ${to}.`);
    else for (const diff of diffs) await printDiff(cli, diff, to);
  },
};

async function printDiff(cli: Cli, diff: DomainDiff, to: number): Promise<void> {
  const { name, defined, guest, current, files } = diff;
  cli.output.line(defined ? `${name}: ${defined.to ? "defined" : "undefined"}` : name);
  const connection = await cli.connection();
  const after = await connection.snapshots(diff.domain, { topological: true }, { at: to }).catch(noSuchDomain);
  cli.output.lines(diffTreeLines(diff, after));
  const place = (snapshot: { name: string } | null) => (snapshot ? `"${snapshot.name}"` : "the base image");
  if (current) cli.output.line(`  current: ${place(current.from)} -> ${place(current.to)}`);
  if (guest) cli.output.line(`  guest: ${guestStateWord(guest.from)} -> ${guestStateWord(guest.to)}`);
  for (const snapshot of diff.active)
    cli.output.line(`  "${snapshot.name}": ${snapshot.active ? "active" : "inactive"}`);
  for (const [what, paths] of Object.entries(files) as [string, readonly string[]][]) {
    for (const path of paths) cli.output.line(`  file ${what}: ${path}`);
  }
  cli.output.line();
}

/** A domain that is not defined any more has no snapshots left to draw. */
function noSuchDomain(error: unknown): [] {
  if (error instanceof SnapledgerError && error.code === "DOMAIN_NOT_FOUND") return [];
  throw error;
}
