import { createHash, randomUUID } from "node:crypto";
import { SnapledgerError } from "../../errors.ts";
import type { DefineDomain } from "../../events/command.ts";
import { isUuid } from "../../events/ids.ts";
import { absolute } from "../input/absolute.ts";
import { diskFrom } from "../input/disk.ts";
import { readInput } from "../input/files.ts";
import type { Input } from "../input/input.ts";
import { printOutcome } from "../output/outcome.ts";
import type { Verb } from "../verb.ts";

/** Options that the XML takes the place of. */
const described = ["name", "uuid", "memory", "vcpus"];

export const verb: Verb = {
  about:
    "Take a domain under management, from its libvirt XML or from flags. Each disk gets a head of its own on the image, " +
    "which is only read from then on; start the guest on the head files that domblklist shows.",
  arguments: [["[file]", "domain XML, as virsh dumpxml prints it; - is stdin"]],
  options: [
    ["--name <name>", "the domain's name"],
    ["--disk <target=path>", "vda=/images/web.qcow2, or vda=/images/web.img,format=raw; once per disk", "repeat"],
    ["--driver <driver>", "qemu (the default) or memory, a simulation whose disks need not exist"],
    ["--memory <mib>", "the guest's memory (default 1024)"],
    ["--vcpus <n>", "its virtual processors (default 1)"],
    ["--accel <kind>", "kvm or tcg (default: kvm where it can be used)"],
    ["--guest-agent", "its guest runs qemu-guest-agent: gives it a channel, for snapshots with --quiesce"],
    ["--uuid <uuid>", "else a new one is made"],
    ["--layers <dir>", "where its layers are to be (else in the store)"],
  ],
  changes: true,
  exits: [
    [1, "it was tried and failed"],
    [3, "a rule refused: the name is taken, the image is not fit or in use, a disk cannot be managed …"],
    [4, "no such file or store"],
  ],
  examples: [
    "virsh dumpxml web > web.xml && snapledger define web.xml",
    "snapledger define --name web --disk vda=/images/web.qcow2 --disk vdb=/images/data.img,format=raw",
  ],
  async run(cli) {
    const file = cli.input.optional(0);
    const command = file === undefined ? await fromFlags(cli.input) : await fromXml(cli.input, file);
    const outcome = await cli.execute(command);
    for (const { target, why } of command.unmanaged) {
      cli.warn({ code: "UNMANAGED_DEVICE", message: `${target} is not managed, no snapshot holds it: ${why}.` });
    }
    const from = file === undefined ? "" : ` from ${file}`;
    printOutcome(cli, outcome, `Domain '${outcome.domain.name}' defined${from}`);
  },
};

async function fromXml(input: Input, file: string): Promise<DefineDomain> {
  const twice = [...described.filter((option) => input.value(option) !== undefined), ...repeated(input)][0];
  if (twice !== undefined) {
    throw new SnapledgerError("USAGE", `--${twice} and an XML file exclude each other.`, {
      hint: "Change the XML, or leave it out and give all by flags.",
    });
  }
  const bytes = await readInput(file);
  const { parseDomain } = await import("../../xml/domain.ts");
  const { uuid, guestAgent: hasChannel, ...domain } = parseDomain(bytes);
  const xmlSha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    type: "DefineDomain",
    ...domain,
    uuid: uuid ?? randomUUID(),
    ...common(input),
    ...accelerator(input),
    ...guestAgent(hasChannel || input.has("guest-agent")),
    xmlSha256,
  };
}

function repeated(input: Input): string[] {
  return input.values("disk").length > 0 ? ["disk"] : [];
}

async function fromFlags(input: Input): Promise<DefineDomain> {
  const name = input.value("name");
  const disks = input.values("disk");
  if (name === undefined || disks.length === 0) {
    throw new SnapledgerError("USAGE", "Give an XML file, or --name and at least one --disk.", {
      hint: "Such as: `snapledger define --name web --disk vda=/images/web.qcow2`",
    });
  }
  const { driver, layersFolder } = common(input);
  return {
    ...{ type: "DefineDomain", name, uuid: uuidFrom(input) ?? randomUUID(), driver, layersFolder },
    ...{
      memoryMib: input.integer("memory", 1) ?? null,
      vcpus: input.integer("vcpus", 1) ?? null,
      ...accelerator(input),
      ...guestAgent(input.has("guest-agent")),
    },
    ...{ unmanaged: [], xmlSha256: null },
    disks: await Promise.all(disks.map((text) => diskFrom(text, driver))),
  };
}

function common(input: Input): Pick<DefineDomain, "driver" | "layersFolder"> {
  const driver = input.value("driver") ?? "qemu";
  if (driver !== "qemu" && driver !== "memory") {
    throw new SnapledgerError("USAGE", `Unknown driver "${driver}".`, {
      hint: "Give --driver qemu or --driver memory.",
    });
  }
  const layers = input.value("layers");
  return { driver, layersFolder: layers === undefined ? null : absolute(layers) };
}

function accelerator(input: Input): Pick<DefineDomain, "accelerator"> {
  const accel = input.value("accel");
  if (accel === undefined) return {};
  if (accel === "kvm" || accel === "tcg") return { accelerator: accel };
  throw new SnapledgerError("USAGE", `Unknown accelerator "${accel}".`, { hint: "Give --accel kvm or --accel tcg." });
}

function guestAgent(has: boolean): Pick<DefineDomain, "guestAgent"> {
  return has ? { guestAgent: true } : {};
}

function uuidFrom(input: Input): string | undefined {
  const uuid = input.value("uuid")?.toLowerCase();
  if (uuid === undefined || isUuid(uuid)) return uuid;
  throw new SnapledgerError("USAGE", `"${uuid}" is not a uuid.`, { hint: "Such as the one that uuidgen prints." });
}
