import { SnapledgerError } from "../../errors.ts";
import { FileHistory } from "../../projections/history/file-history.ts";
import type { RoleChange } from "../../projections/history/file-history.ts";
import { absolute } from "../input/absolute.ts";
import { History } from "../output/history.ts";
import { fieldLines } from "../output/table.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Explain a file: which operation made this layer, memory or base image part of a domain, what it has been since, " +
    "and what it is now, or why it is gone. Told from the log alone; the file itself is not looked at.",
  arguments: [["<file>", "its path"]],
  exits: [[4, "the log knows no such file, or no such store"]],
  examples: [
    'snapledger why "$(snapledger domblklist web --json | jq -r .[0].head.path)"',
    "snapledger why /images/web.qcow2 --json",
  ],
  async run(cli) {
    const path = absolute(cli.input.argument(0));
    const connection = await cli.connection();
    const history = new History(await connection.names());
    const stories = [];
    for (const domain of await domainsWith(cli, path)) {
      const story = new FileHistory(path, domain);
      for await (const { record } of connection.read({ domain })) story.push(record);
      if (story.turns.length > 0) stories.push({ domain, turns: story.turns });
    }
    if (stories.length === 0) throw unknownFile(path);
    if (cli.json) cli.output.json({ file: path, domains: stories.map(({ domain, turns }) => asJson(domain, turns)) });
    else for (const { turns } of stories) printStory(cli, path, turns, history);
  },
};

/** A layer lies in a folder that is named after its domain; for other files the whole log is looked through. */
async function domainsWith(cli: Cli, path: string): Promise<string[]> {
  const connection = await cli.connection();
  const folder = path.split("/").at(-2);
  const known = new Set((await connection.names()).map(({ domain }) => domain));
  if (folder !== undefined && known.has(folder)) return [folder];
  const found = new Set<string>();
  const quoted = JSON.stringify(path);
  for await (const { record, line } of connection.read()) {
    if (record.domain !== null && line.includes(quoted)) found.add(record.domain);
  }
  return [...found];
}

function printStory(cli: Cli, path: string, turns: readonly RoleChange[], history: History): void {
  const [first, last] = [turns[0], turns.at(-1)];
  if (!first || !last) return;
  const fields: [string, string][] = [
    ["File", path],
    ["Domain", history.nameOf(last.record) ?? last.record.domain ?? ""],
    ["Now", last.role],
  ];
  const lines = turns.flatMap(({ record, role }) => [history.line(record), `${" ".repeat(13)}=> ${role}`]);
  cli.output.lines([...fieldLines(fields), "", ...lines, ""]);
}

function asJson(domain: string, turns: readonly RoleChange[]) {
  return { domain, now: turns.at(-1)?.role, turns: turns.map(({ record, role }) => ({ role, by: record })) };
}

function unknownFile(path: string): SnapledgerError {
  return new SnapledgerError("FILE_NOT_FOUND", `The log knows no file ${path}.`, {
    facts: { path },
    hint: "Give the path as the log has it: see `snapledger domblklist DOM`, or `snapledger snapshot-info DOM NAME --json`.",
  });
}
