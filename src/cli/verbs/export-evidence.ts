import { SnapledgerError } from "../../errors.ts";
import type { Evidence } from "../../connection/api.ts";
import { formatBytes } from "../../projections/explain/wording.ts";
import { absolute } from "../input/absolute.ts";
import { timeOption } from "../input/moment.ts";
import { keyOf, keyOption } from "../input/proof.ts";
import { fieldLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Hand out what was recorded of a domain, with its proof: one .tar.gz that an auditor checks on a machine without " +
    "snapledger, with either of two verifiers in it. It proves each record, and that none is missing: the export itself is " +
    "recorded, and closes the period.",
  arguments: [["<domain>", "its name or uuid; by uuid also one that is not defined any more"]],
  options: [
    ["-o, --output <file>", "the file to write; never replaced"],
    ["--since <time>", "from this time on"],
    ["--until <time>", "before this time"],
    keyOption,
  ],
  changes: true,
  exits: [
    [3, "the file is there already, or others can read the key"],
    [4, "no such domain, store, key or folder"],
  ],
  examples: [
    "snapledger export-evidence web -o web.tar.gz --ticket AUDIT-7",
    "snapledger export-evidence web -o october.tar.gz --since 2026-10-01 --until 2026-11-01",
  ],
  async run(cli) {
    const { input, output } = cli;
    const file = input.value("output");
    if (file === undefined)
      throw new SnapledgerError("USAGE", "Give the file to write with -o.", { hint: "Such as -o evidence.tar.gz" });
    const period = { since: timeOption(cli, "since"), until: timeOption(cli, "until"), ...keyOf(input) };
    const evidence = await cli.changing((connection, request) =>
      connection.exportEvidence(input.argument(0), absolute(file), period, cli.caller(), request),
    );
    if (cli.json) output.json(evidence);
    else output.lines(told(evidence));
  },
};

function told({
  planned,
  file,
  bytes,
  domain,
  firstRevision,
  lastRevision,
  position,
  fingerprint,
}: Evidence): string[] {
  return [
    planned ? `Would write ${file}; nothing was changed` : `Written ${file} (${formatBytes(bytes ?? 0)})`,
    ...fieldLines([
      ["Domain", domain.name],
      ["Revisions", `${firstRevision} to ${lastRevision}`],
      ["Closed by", position === null ? "the record of the export" : `position ${position}`],
      ["Fingerprint", fingerprint],
    ]),
    ...(planned ? [] : ["Tell the auditor the fingerprint by another way than the file."]),
  ];
}
