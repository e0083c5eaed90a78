import { resolve } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import type { Exported } from "../../export/exported.ts";
import type { Format } from "../../export/formats.ts";
import { formats } from "../../export/formats.ts";
import type { Connection } from "../../connection/api.ts";
import { count } from "../../projections/explain/wording.ts";
import type { AppendedFile } from "../../export/append-file.ts";
import { appendTo } from "../../export/append-file.ts";
import type { Cursor } from "../../export/cursor.ts";
import { checkCursor, lockCursor, readCursor, saveCursor } from "../../export/cursor.ts";
import type { Cli, Verb } from "../verb.ts";
import { version } from "../output/version.ts";

export const verb: Verb = {
  about:
    "Hand the log's records to another tool, one line each: as they are stored (ndjson), as CloudEvents 1.0, as OCSF 1.5.0 " +
    "API Activity, or as RFC 5424 syslog. With --cursor a job exports what came since its last run: into a file (-o) each " +
    "record exactly once; on stdout it counts once all of it was taken, so a run that was killed is done again.",
  arguments: [["[domain]", "its name or uuid; none: the whole log"]],
  options: [
    ["--format <format>", "ndjson (default), cloudevents, ocsf or syslog"],
    ["--cursor <file>", "where it is kept how far the export has come; made at the first run"],
    ["-o, --output <file>", "append to this file instead of printing"],
    ["--limit <n>", "at most so many records"],
  ],
  exits: [[4, "no such domain or store, or a file can't be written"]],
  examples: [
    "snapledger export --format ocsf --cursor /var/lib/siem/cursor -o /var/log/snapledger.ocsf",
    "snapledger export web --format cloudevents --limit 10",
  ],
  async run(cli) {
    const format = chosenFormat(cli.input.value("format") ?? "ndjson");
    const file = cli.input.value("cursor");
    if (file === undefined) {
      await exportSince(cli, format, undefined, () => Promise.resolve());
      return;
    }
    const lock = await lockCursor(file);
    try {
      const cursor = await readCursor(file);
      if (cursor) await checkCursor(file, cursor, await cli.connection());
      await exportSince(cli, format, cursor, (reached) => saveCursor(file, reached));
    } finally {
      await lock.release();
    }
  },
};

function chosenFormat(text: string): Format {
  if (Object.hasOwn(formats, text)) return text as Format;
  throw new SnapledgerError("USAGE", `There is no format "${text}".`, {
    hint: `Give one of ${Object.keys(formats).join(", ")}.`,
  });
}

/** Saves how far it came, unless the reader of stdout has gone away: then nothing is known to have arrived. */
async function exportSince(
  cli: Cli,
  format: Format,
  cursor: Cursor | undefined,
  save: (reached: Cursor) => Promise<void>,
): Promise<void> {
  const { input, output } = cli;
  const connection = await cli.connection();
  const { logId } = await connection.head();
  const path = input.value("output");
  const to = path === undefined ? undefined : await appendTo(resolve(path), cursor?.output ?? null);
  try {
    const before = cursor ?? { logId, position: 0, hash: "", output: null };
    // Another file than the last time: should this run die, the next has to know what of it is to be cut off.
    if (to && to.start.inode !== before.output?.inode) await save({ ...before, output: to.start });
    const { exported, ...end } = await deliver(cli, connection, format, cursor, to);
    const written = to ? await to.end() : before.output;
    if (to === undefined) await output.flushed();
    if (output.gone) return;
    await save({ ...end, output: written });
    if (path !== undefined) report(cli, exported, path);
  } finally {
    await to?.close();
  }
}

interface End extends Pick<Cursor, "logId" | "position" | "hash"> {
  readonly exported: number;
}

/** The records after the cursor, up to where the log ends now or the limit is reached. */
async function deliver(
  { input, output }: Cli,
  connection: Connection,
  format: Format,
  cursor: Cursor | undefined,
  to: AppendedFile | undefined,
): Promise<End> {
  const head = await connection.head();
  const { logId } = head;
  const limit = input.integer("limit", 1) ?? Infinity;
  const domain = input.optional(0);
  const names = new Map((await connection.summaries()).map(({ id, name }) => [id, name]));
  const range = { from: (cursor?.position ?? 0) + 1, to: head.position + 1, ...(domain !== undefined && { domain }) };
  let exported = 0;
  for await (const { record, line } of connection.read(range)) {
    if (record.type === "DomainDefined" && record.domain !== null) names.set(record.domain, record.data.name);
    const one: Exported = { record, line, logId, domain: names.get(record.domain ?? ""), version };
    const text = formats[format](one);
    if (to) await to.line(text);
    else output.stored(text);
    await output.drained();
    exported += 1;
    if (exported === limit) return { logId, position: record.position, hash: record.hash, exported };
    if (output.gone) break;
  }
  return { logId, position: head.position, hash: head.hash, exported };
}

function report({ json, output }: Cli, exported: number, path: string): void {
  if (json) output.json({ exported, output: path });
  else output.line(`${count(exported, "record")} appended to ${path}`);
}
