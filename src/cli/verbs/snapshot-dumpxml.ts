import { atOption } from "../input/moment.ts";
import { chosenSnapshot } from "../input/reading.ts";
import type { Verb } from "../verb.ts";
import { printXml } from "../output/xml.ts";

export const verb: Verb = {
  about:
    "Print a snapshot as XML in the form of the 2010 proposal: name, description, state, creationdate, compression, " +
    "parent. The compression is that of its memory if it has one, else of its layers. With --libvirt in the form that libvirt uses today.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["<name>", "the snapshot"],
  ],
  options: [["--libvirt", "libvirt's form of today"], atOption],
  exits: [[4, "no such domain, snapshot or store, or no record at this position"]],
  examples: [
    "snapledger snapshot-dumpxml web before-upgrade",
    "snapledger snapshot-dumpxml web before-upgrade --libvirt",
  ],
  async run(cli) {
    await printXml(cli, await chosenSnapshot(cli), cli.input.has("libvirt") ? "libvirt" : "rfc");
  },
};
