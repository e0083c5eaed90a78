import { atOption } from "../input/moment.ts";
import { chosenSnapshot } from "../input/reading.ts";
import { snapshotStateWord } from "../output/states.ts";
import { fieldLines } from "../output/table.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about: 'Show one snapshot. With --json also its layer files: "layers": {"vda": "/absolute/file.qcow2"}.',
  arguments: [
    ["<domain>", "its name or uuid"],
    ["[name]", "the snapshot"],
  ],
  options: [["--current", "the current snapshot"], atOption],
  exits: [[4, "no such domain, snapshot or store, or no record at this position"]],
  examples: ["snapledger snapshot-info web before-upgrade", "snapledger snapshot-info web --current --json --at 120"],
  async run(cli) {
    const snapshot = await chosenSnapshot(cli);
    if (cli.json) {
      cli.output.json(snapshot);
      return;
    }
    const fields = fieldLines([
      ["Name", snapshot.name],
      ["Domain", snapshot.domain.name],
      ["Current", yesNo(snapshot.current)],
      ["State", snapshotStateWord(snapshot.state)],
      ["Location", "external"],
      ["Parent", snapshot.parent?.name ?? "-"],
      ["Children", String(snapshot.children)],
      ["Descendants", String(snapshot.descendants)],
      ["Metadata", "yes"],
    ]);
    cli.output.lines([...fields, ""]);
  },
};

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}
