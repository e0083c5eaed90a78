import type { DiskDefinition } from "../events/command.ts";
import type { UnmanagedDevice } from "../events/records.ts";
import { mebibytes, wholeNumber } from "./amount.ts";
import { parseDisk } from "./disk.ts";
import { invalidXml, quote } from "./invalid.ts";
import { childrenNamed, onlyChild, parseXml, textOf } from "./parse.ts";
import type { XmlElement } from "./parse.ts";

/** What is used of a domain's XML; the rest is neither read nor kept, since it may hold passwords. */
export interface ParsedDomain {
  /** Lower case with hyphens; null when the document has none, and one has to be made. */
  readonly uuid: string | null;
  readonly name: string;
  readonly memoryMib: number | null;
  readonly vcpus: number | null;
  /** It has the channel that qemu-guest-agent listens on. */
  readonly guestAgent: boolean;
  /** In document order; may be empty. */
  readonly disks: readonly DiskDefinition[];
  readonly unmanaged: readonly UnmanagedDevice[];
}

/** Reads what `virsh dumpxml` prints. INVALID_XML; UNSUPPORTED for a disk that cannot be managed, by its target. */
export function parseDomain(bytes: Uint8Array): ParsedDomain {
  const root = parseXml(bytes);
  if (root.name !== "domain") {
    const hint = "`virsh dumpxml DOMAIN` prints a domain's XML.";
    throw invalidXml(root.place, `the root element is ${quote(root.name)}, not "domain"`, hint);
  }
  const memory = onlyChild(root, "memory");
  const vcpu = onlyChild(root, "vcpu");
  return {
    uuid: uuidOf(root),
    name: nameOf(root),
    memoryMib: memory === undefined ? null : mebibytes(memory),
    vcpus: vcpu === undefined ? null : wholeNumber(vcpu),
    guestAgent: hasGuestAgent(root),
    ...disksOf(root),
  };
}

/** Exactly as written: the rules for names reject what they cannot take. */
function nameOf(root: XmlElement): string {
  const element = onlyChild(root, "name");
  const name = element === undefined ? "" : textOf(element);
  if (name === "") throw invalidXml((element ?? root).place, "the domain has no <name>");
  return name;
}

/** libvirt takes a uuid in either case and with or without its hyphens; it is one identity, so one spelling. */
function uuidOf(root: XmlElement): string | null {
  const element = onlyChild(root, "uuid");
  if (element === undefined) return null;
  const text = textOf(element).trim();
  const parts = /^([\da-f]{8})(-?)([\da-f]{4})\2([\da-f]{4})\2([\da-f]{4})\2([\da-f]{12})$/.exec(text.toLowerCase());
  if (parts === null) throw invalidXml(element.place, `${quote(text)} is not a uuid`);
  return [parts[1], ...parts.slice(3)].join("-");
}

const agentChannel = "org.qemu.guest_agent.0";

/** libvirt's formatdomain: a channel whose target is virtio and bears the agent's name. */
function hasGuestAgent(root: XmlElement): boolean {
  const channels = childrenNamed(root, "devices").flatMap((devices) => childrenNamed(devices, "channel"));
  return channels
    .flatMap((channel) => childrenNamed(channel, "target"))
    .some(({ attributes }) => attributes.get("type") === "virtio" && attributes.get("name") === agentChannel);
}

function disksOf(root: XmlElement): Pick<ParsedDomain, "disks" | "unmanaged"> {
  const disks: DiskDefinition[] = [];
  const unmanaged: UnmanagedDevice[] = [];
  const targets = new Set<string>();
  for (const element of childrenNamed(root, "devices").flatMap((devices) => childrenNamed(devices, "disk"))) {
    const parsed = parseDisk(element);
    const { target } = parsed.managed ? parsed.disk : parsed.device;
    if (targets.has(target)) throw invalidXml(element.place, `a second disk with the target "${target}"`);
    targets.add(target);
    if (parsed.managed) disks.push(parsed.disk);
    else unmanaged.push(parsed.device);
  }
  return { disks, unmanaged };
}
