import { cliCommand, SnapledgerError } from "../../errors.ts";
import type { EventRecord } from "../../connection/api.ts";
import { everNamed } from "../../projections/names.ts";
import type { Lifetime } from "../../projections/history/snapshot-history.ts";
import { SnapshotHistory } from "../../projections/history/snapshot-history.ts";
import { Operations } from "../../projections/history/operations.ts";
import { History } from "../output/history.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Tell the whole life of a snapshot, also when it is gone: how it came to be, what was done to it, and how it went. " +
    "A name that was used several times has several lives, told apart.",
  arguments: [
    ["<domain>", "its name or uuid, also of one that is gone"],
    ["<name>", "the snapshot"],
  ],
  exits: [[4, "there never was such a domain or snapshot; or no such store"]],
  examples: ["snapledger history web before-upgrade", "snapledger history web before-upgrade --json"],
  async run(cli) {
    const [domain, name] = [cli.input.argument(0), cli.input.argument(1)];
    const names = await (await cli.connection()).names();
    const owners = everNamed(names, domain);
    // One that never was: reading it says so.
    const told = await Promise.all((owners.length > 0 ? owners : [domain]).map((id) => livesOf(cli, id, name)));
    const lives = told.flatMap((one) => one.lives);
    const outside = told.flatMap((one) => one.outside);
    if (lives.length === 0 && outside.length === 0) throw neverThere(domain, name);
    if (cli.json) {
      cli.output.json({ domain, snapshot: name, lives: lives.map(asJson), refusals: outside });
      return;
    }
    const history = new History(names);
    for (const [i, life] of lives.entries()) {
      const until = life.to === null ? "is there still" : `to ${life.to}`;
      cli.output.line(`Life ${i + 1} of ${lives.length}: from position ${life.from}, ${until} (${life.snapshot})`);
      cli.output.lines([...operationLines(history, life.records), ""]);
    }
    if (outside.length === 0) return;
    cli.output.line("Refused when there was none:");
    cli.output.lines([...operationLines(history, outside), ""]);
  },
};

async function livesOf(cli: Cli, domain: string, name: string): Promise<SnapshotHistory> {
  const lives = new SnapshotHistory(name);
  for await (const stored of (await cli.connection()).read({ domain })) lives.push(stored);
  return lives;
}

function operationLines(history: History, records: readonly EventRecord[]): string[] {
  const operations = new Operations();
  const groups = [...records.flatMap((record) => operations.push(record)), ...operations.end()];
  return groups.map((group) => history.operationLine(group));
}

function asJson({ snapshot, domain, from, to, records }: Lifetime) {
  return { id: snapshot, domain, from, to, records };
}

function neverThere(domain: string, name: string): SnapledgerError {
  return new SnapledgerError("SNAPSHOT_NOT_FOUND", `Domain "${domain}" never had a snapshot "${name}".`, {
    facts: { domain, snapshot: name },
    hint: `See: ${cliCommand("log", domain, "--grep", "TEXT")}`,
  });
}
