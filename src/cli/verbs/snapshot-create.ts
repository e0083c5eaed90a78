import { readInput } from "../input/files.ts";
import { printOutcome } from "../output/outcome.ts";
import { createExits, createOptions, createCommand } from "../input/create.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Take a snapshot of a domain: its disks, and its memory if the guest runs. The XML may set <name>, <description> " +
    "and <compression>; anything else in it is ignored. Without XML the name is made up from the time.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["[xmlfile]", "a <domainsnapshot> document; - is stdin; none is <domainsnapshot/>"],
  ],
  options: createOptions,
  changes: true,
  exits: createExits,
  examples: [
    "snapledger snapshot-create --offline web",
    "snapledger snapshot-create --compress --offline web before-upgrade.xml --reason 'patch day' --ticket OPS-17",
  ],
  async run(cli) {
    const file = cli.input.optional(1);
    const described = file === undefined ? undefined : await readXml(file);
    const outcome = await cli.execute(createCommand(cli.input, described));
    const from = file === undefined ? "" : ` from '${file}'`;
    printOutcome(cli, outcome, `Domain snapshot ${outcome.snapshot?.name ?? ""} created${from}`);
  },
};

async function readXml(file: string) {
  const bytes = await readInput(file);
  const { parseDomainSnapshot } = await import("../../xml/domainsnapshot.ts");
  return parseDomainSnapshot(bytes);
}
