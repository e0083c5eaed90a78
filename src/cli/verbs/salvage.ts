import { shellQuote } from "../../errors.ts";
import type { Salvaged } from "../../store/repair/salvage.ts";
import type { Range } from "../../events/events.ts";
import { absolute } from "../input/absolute.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Make a new store of all that can be proven in a damaged one: its longest proven beginning, and a record of what " +
    "is lost. Sound records after a gap go to salvaged.ndjson beside it. The damaged store is not touched.",
  arguments: [["<newfolder>", "a new or empty folder"]],
  exits: [
    [3, "the store is sound, or the new folder is not fit for one"],
    [4, "no such store"],
  ],
  examples: [
    "snapledger salvage /srv/snapledger-new --reason 'disk failed' --ticket OPS-9",
    "snapledger --store /srv/snapledger salvage /srv/snapledger-new --json",
  ],
  async run(cli) {
    const { salvage } = await import("../../connection/maintenance.ts");
    const folder = absolute(cli.input.argument(0));
    const salvaged = await salvage(cli.options(), folder, cli.caller(), {
      reason: cli.input.value("reason") ?? null,
      ticket: cli.input.value("ticket") ?? null,
      onVerified: (done, total) => cli.progress("salvage", done, total),
    });
    if (cli.json) cli.output.json({ store: folder, ...salvaged });
    else cli.output.lines(lines(cli, folder, salvaged));
  },
};

function lines(cli: Cli, folder: string, { proven, lost, loose, looseFile, damagedHead, head }: Salvaged): string[] {
  const end = damagedHead ? `it ended at ${damagedHead.position}` : "nothing says where it ended";
  return [
    `Store made in ${folder}; its log ends at ${head.position}`,
    `  proven:  ${proven > 0 ? `positions 1 to ${proven}` : "nothing, not even the first record"}; ${end}`,
    `  lost:    ${lost.length > 0 ? rangesText(lost) : damagedHead ? "nothing" : "unknown; nothing between those found"}`,
    ...(looseFile === null ? [] : [`  aside:   ${rangesText(loose)}, sound but after a gap: in ${looseFile}`]),
    `The files of its domains stay where they are. Keep ${cli.store}, and look before you change anything:`,
    `  snapledger --store ${shellQuote(folder)} verify --files`,
  ];
}

function rangesText(ranges: readonly Range[]): string {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first} to ${last}`)).join(", ");
}
