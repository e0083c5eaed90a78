import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { shellQuote, SnapledgerError } from "../../errors.ts";
import type { DiskDefinition } from "../../events/command.ts";
import type { DriverName, ImageFormat } from "../../events/records.ts";
import { absolute } from "./absolute.ts";

/** `TARGET=PATH[,format=F]` as one disk. A path may hold commas; only an ending `,format=F` is taken off it. */
export async function diskFrom(text: string, driver: DriverName): Promise<DiskDefinition> {
  const parts = /^([^=]+)=(.+?)(?:,format=([^,]*))?$/s.exec(text);
  const [, target, given, format] = parts ?? [];
  if (target === undefined || given === undefined) {
    throw new SnapledgerError("USAGE", `--disk takes TARGET=PATH[,format=F], not "${text}".`, {
      hint: "Such as --disk vda=/images/web.qcow2",
    });
  }
  const path = absolute(given);
  if (format !== undefined) return { target, path, format: knownFormat(format, target) };
  // A simulated disk need not exist.
  if (driver === "qemu") await checkQcow2(target, path);
  return { target, path, format: "qcow2" };
}

function knownFormat(format: string, target: string): ImageFormat {
  if (format === "qcow2" || format === "raw") return format;
  throw new SnapledgerError("UNSUPPORTED", `Disk ${target} has the format "${format}".`, {
    facts: { target, format },
    hint: "Only qcow2 and raw images can be managed; qemu-img convert makes one.",
  });
}

/** A qcow2 image says so itself; what anything else is nobody should guess: a guest can write any header into a raw disk. */
async function checkQcow2(target: string, path: string): Promise<void> {
  const begins = (await firstBytes(path)).toString("latin1");
  if (begins.startsWith(qcow2Magic)) return;
  const [kind] = otherKinds.find(([, magic, at = 0]) => begins.startsWith(magic, at)) ?? [];
  const sayRaw = `--disk ${shellQuote(`${target}=${path},format=raw`)}`;
  const convert = `qemu-img convert -O qcow2 ${shellQuote(path)} ${shellQuote(`${path}.qcow2`)}`;
  throw new SnapledgerError("USAGE", `Disk ${target} is not a qcow2 image: ${path}`, {
    facts: { target, path, ...(kind !== undefined && { kind }) },
    hint:
      kind === undefined
        ? `If it is a raw image, say so: ${sayRaw}`
        : `It begins as a ${kind} image does. Unless a guest wrote that into a raw disk, convert it: \`${convert}\``,
  });
}

const qcow2Magic = "QFI\xfb";

/** What else QEMU knows by its first bytes, so that no hint says to take one for raw. */
const otherKinds: readonly (readonly [kind: string, magic: string, at?: number])[] = [
  ["VMDK", "KDMV"],
  ["VMDK", "COWD"],
  ["VMDK", "# Disk DescriptorFile"],
  ["VDI", "\x7f\x10\xda\xbe", 64],
  ["VHDX", "vhdxfile"],
  ["VHD", "conectix"],
  ["QED", "QED\0"],
  ["LUKS", "LUKS\xba\xbe"],
];

async function firstBytes(path: string): Promise<Buffer> {
  // Opening a pipe must not wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    const facts = { path };
    const hint = "Check the path, and that this user may read it.";
    throw new SnapledgerError("FILE_NOT_FOUND", `Failed to open image '${path}'.`, { facts, hint, cause });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    // A folder, a pipe, a device that cannot be read: not an image in any case.
    return Buffer.alloc(0);
  } finally {
    await file.close();
  }
}
