import { SnapledgerError } from "../errors.ts";
import type { DiskDefinition } from "../events/command.ts";
import type { UnmanagedDevice } from "../events/records.ts";
import { invalidXml, quote } from "./invalid.ts";
import { childrenNamed, onlyChild } from "./parse.ts";
import type { XmlElement } from "./parse.ts";

/** A <disk> is either managed, or left alone for a reason that is stated. */
export type ParsedDisk =
  | { readonly managed: true; readonly disk: DiskDefinition }
  | { readonly managed: false; readonly device: UnmanagedDevice };

/**
 * One <disk> of a domain. A cdrom, a floppy, a read-only disk and one with snapshot='no' are left alone, because nothing
 * that is written to them could be lost. INVALID_XML for what libvirt would not take either; UNSUPPORTED for a disk that
 * is valid but cannot be snapshotted here: leaving such a disk out in silence would break "all disks, one instant".
 */
export function parseDisk(element: XmlElement): ParsedDisk {
  const target = targetOf(element);
  const source = onlyChild(element, "source");
  const why = leftAlone(element);
  if (why !== null) return { managed: false, device: { target, source: sourceText(source), why } };
  refuseUnmanageable(element, source, target);
  const path = source?.attributes.get("file") ?? "";
  if (path === "") throw invalidXml(element.place, `disk "${target}" has no source file`);
  if (!path.startsWith("/")) {
    const place = source?.place ?? element.place;
    throw invalidXml(place, `the source ${quote(path)} of disk "${target}" is not an absolute path`);
  }
  return { managed: true, disk: { target, path, format: formatOf(element, target) } };
}

/** Targets become keys and parts of commands, so exactly what libvirt's schema takes ("diskTargetDev"). */
function targetOf(disk: XmlElement): string {
  const target = onlyChild(disk, "target")?.attributes.get("dev") ?? "";
  if (target === "") {
    throw invalidXml(disk.place, "a disk without a target", "Give it a <target dev='vda'/>.");
  }
  if (!/^(ioemu:)?(fd|hd|sd|vd|xvd|ubd)[a-zA-Z0-9_]+$/.test(target)) {
    throw invalidXml(disk.place, `${quote(target)} is not a disk's target`, "Targets look like vda, sda or hda.");
  }
  return target;
}

function leftAlone(disk: XmlElement): string | null {
  const device = disk.attributes.get("device");
  if (device === "cdrom" || device === "floppy") return device;
  if (childrenNamed(disk, "readonly").length > 0) return "read-only";
  return disk.attributes.get("snapshot") === "no" ? "snapshot='no'" : null;
}

function sourceText(source: XmlElement | undefined): string | null {
  const where = ["file", "dev", "dir", "name", "volume"].map((name) => source?.attributes.get(name));
  return where.find((value) => value !== undefined) ?? null;
}

function refuseUnmanageable(disk: XmlElement, source: XmlElement | undefined, target: string): void {
  const type = disk.attributes.get("type") ?? "file";
  const device = disk.attributes.get("device") ?? "disk";
  const snapshot = disk.attributes.get("snapshot") ?? "external";
  const holds = (name: string) => childrenNamed(disk, name).length > 0;
  const sourceHolds = (name: string) => source !== undefined && childrenNamed(source, name).length > 0;
  if (device !== "disk") throw unsupported(disk, target, `its device is ${quote(device)}, not "disk"`);
  if (type !== "file") throw unsupported(disk, target, `its type is ${quote(type)}, not "file"`);
  if (snapshot !== "external") throw unsupported(disk, target, `it asks for snapshot=${quote(snapshot)}`);
  if (holds("shareable")) throw unsupported(disk, target, "it is shareable: another guest may write to it");
  if (holds("transient")) throw unsupported(disk, target, "it is transient: its changes are thrown away");
  if (holds("mirror")) throw unsupported(disk, target, "a block job is running on it");
  if (holds("encryption") || sourceHolds("encryption")) throw unsupported(disk, target, "it is encrypted");
  if (sourceHolds("slices")) throw unsupported(disk, target, "it is a slice of its file");
}

function formatOf(disk: XmlElement, target: string): DiskDefinition["format"] {
  const format = onlyChild(disk, "driver")?.attributes.get("type");
  if (format === "qcow2" || format === "raw") return format;
  if (format !== undefined) throw unsupported(disk, target, `its format is ${quote(format)}, not qcow2 or raw`);
  const hint = "Add <driver name='qemu' type='qcow2'/> (or raw) to it: guessing from the content is not safe.";
  throw unsupported(disk, target, "its format is not stated", hint);
}

function unsupported(
  { place }: XmlElement,
  target: string,
  why: string,
  hint = "Change the disk, or mark it snapshot='no' to leave it out of every snapshot.",
): SnapledgerError {
  const { line, column } = place;
  const message = `Disk "${target}" (line ${line}, column ${column}) cannot be managed: ${why}.`;
  return new SnapledgerError("UNSUPPORTED", message, { facts: { target, line, column }, hint });
}
