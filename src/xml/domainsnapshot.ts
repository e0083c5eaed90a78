import type { DomainInfo, SnapshotInfo } from "../projections/views/info.ts";
import { invalidXml, quote } from "./invalid.ts";
import { onlyChild, parseXml, textOf } from "./parse.ts";
import type { XmlElement } from "./parse.ts";
import { tag, writeXml } from "./write.ts";
import type { Tag } from "./write.ts";

/** What a user may set when a snapshot is created. Text exactly as written: the rules reject, nothing here repairs. */
export interface SnapshotFields {
  /** null: missing or empty, and the driver makes one up. */
  readonly name: string | null;
  readonly description: string;
  readonly compression: string | null;
}

/**
 * Reads what virDomainSnapshotCreateXML takes: "the only ones that are settable are <name>, <description>, and
 * <compression>; the rest are ignored" (the RFC). INVALID_XML for malformed XML, another root, a settable element that
 * is there twice or holds elements.
 */
export function parseDomainSnapshot(bytes: Uint8Array): SnapshotFields {
  const root = parseXml(bytes);
  if (root.name !== "domainsnapshot") {
    const hint = "The smallest document is <domainsnapshot/>.";
    throw invalidXml(root.place, `the root element is ${quote(root.name)}, not "domainsnapshot"`, hint);
  }
  const text = (name: string) => settable(root, name);
  return {
    name: text("name") || null,
    description: text("description"),
    compression: text("compression") || null,
  };
}

function settable(root: XmlElement, name: string): string {
  const element = onlyChild(root, name);
  return element === undefined ? "" : textOf(element);
}

/** `rfc`: the fields of the RFC. `libvirt`: today's format, valid by libvirt's own domainsnapshot.rng (9.0). */
export type SnapshotForm = "rfc" | "libvirt";

/** What the libvirt form says of the domain beside the snapshot. */
export type SnapshotDomain = Pick<DomainInfo, "id" | "name" | "memoryMib" | "vcpus">;

/** The snapshot as XML, ending in a newline. Always well-formed, whatever the names and the description hold. */
export function writeDomainSnapshot(snapshot: SnapshotInfo, form: SnapshotForm, domain: SnapshotDomain): string {
  const content = form === "rfc" ? rfcFields(snapshot) : libvirtFields(snapshot, domain);
  return writeXml(tag("domainsnapshot", content));
}

function rfcFields(snapshot: SnapshotInfo): readonly Tag[] {
  return [
    tag("name", snapshot.name),
    tag("creationdate", snapshot.creationTime),
    tag("description", snapshot.description),
    tag("state", snapshot.state === "disk-snapshot" ? "off" : snapshot.state),
    ...(snapshot.compression === null ? [] : [tag("compression", snapshot.compression)]),
    ...parent(snapshot),
  ];
}

/**
 * libvirt names the file *above* the frozen point as a disk's source (measured: its snapshot `e` is what file `v0.e`
 * is backed by). Several files may stand on one layer here, so <disks> leaves the source out; the layers are in
 * <domain>, which is the domain as it was at that point, and so are the sources that its disks had.
 */
function libvirtFields(snapshot: SnapshotInfo, domain: SnapshotDomain): readonly Tag[] {
  const { name, description, state, creationTime, memory } = snapshot;
  const saved: Record<string, string> = memory === null ? { snapshot: "no" } : { snapshot: "external", file: memory };
  const targets = Object.keys(snapshot.layers);
  return [
    tag("name", name),
    ...(description === "" ? [] : [tag("description", description)]),
    tag("state", state === "off" ? "shutoff" : state),
    ...parent(snapshot),
    tag("creationTime", String(Math.floor(Date.parse(creationTime) / 1000))),
    tag("memory", "", saved),
    tag(
      "disks",
      targets.map((target) => tag("disk", [qcow2], { name: target, snapshot: "external", type: "file" })),
    ),
    domainAtThatPoint(snapshot, domain),
  ];
}

const qcow2 = tag("driver", "", { type: "qcow2" });

function domainAtThatPoint(snapshot: SnapshotInfo, { id, name, memoryMib, vcpus }: SnapshotDomain): Tag {
  const disks = Object.entries(snapshot.layers).map(([target, file]) =>
    tag("disk", [qcow2, tag("source", "", { file }), tag("target", "", { dev: target })], {
      type: "file",
      device: "disk",
    }),
  );
  const content = [
    tag("name", name),
    tag("uuid", id),
    ...(memoryMib === null ? [] : [tag("memory", String(memoryMib), { unit: "MiB" })]),
    ...(vcpus === null ? [] : [tag("vcpu", String(vcpus))]),
    // The schema wants an <os>; a guest with disks of its own that QEMU runs is what libvirt calls hvm.
    tag("os", [tag("type", "hvm")]),
    tag("devices", disks),
  ];
  return tag("domain", content, { type: "qemu" });
}

function parent(snapshot: SnapshotInfo): readonly Tag[] {
  return snapshot.parent === null ? [] : [tag("parent", [tag("name", snapshot.parent.name)])];
}
