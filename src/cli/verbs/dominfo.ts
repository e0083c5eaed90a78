import type { DomainInfo } from "../../connection/api.ts";
import { atOption } from "../input/moment.ts";
import { readDomain } from "../input/reading.ts";
import { guestStateWord } from "../output/states.ts";
import { fieldLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: "Show one domain.",
  arguments: [["<domain>", "its name or uuid"]],
  options: [atOption],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: ["snapledger dominfo web", "snapledger dominfo web --json --at 120"],
  async run(cli) {
    const info = await readDomain(cli, cli.input.argument(0));
    if (cli.json) cli.output.json(info);
    else cli.output.lines([...fieldLines(fields(info)), ""]);
  },
};

function fields(info: DomainInfo): [label: string, value: string][] {
  return [
    ["Id", "-"],
    ["Name", info.name],
    ["UUID", info.id],
    ["State", guestStateWord(info.state)],
    ["CPU(s)", info.vcpus === null ? "-" : String(info.vcpus)],
    ["Max memory", info.memoryMib === null ? "-" : `${info.memoryMib * 1024} KiB`],
    ["Driver", info.driver],
    ["Guest agent", info.guestAgent ? "yes" : "no"],
    ["Layers", info.layersFolder],
    ["Snapshots", String(info.snapshots)],
    ["Current", info.current?.name ?? "-"],
    ["Folds pending", String(info.foldsPending)],
    ["Garbage files", String(info.garbage)],
    ["Revision", String(info.revision)],
    ...info.unmanaged.map(({ target, why }): [string, string] => ["Not managed", `${target} (${why})`]),
  ];
}
