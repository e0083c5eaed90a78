import type { Backing } from "../../events/plan.ts";
import type { FileFacts } from "../../events/records.ts";
import { SnapledgerError } from "../../errors.ts";
import type { FaultOptions, ImageFault, StepOptions } from "../driver.ts";
import { invalidImage } from "../errors.ts";
import { syncFile } from "./files.ts";
import { imageAt, readImage } from "./image.ts";
import type { Image } from "./image.ts";
import { probeLock } from "./inspect.ts";
import type { QemuImg } from "./tool.ts";

/** Whether images are fit to be written to: what `qemu-img check` says, and the mark that a writer leaves while it works. */
export interface Checks {
  /** See `Driver.imageFault`. */
  fault(tool: QemuImg, file: Backing, watch?: StepOptions, how?: FaultOptions): Promise<ImageFault | null>;
  /** The file was found sound just now. */
  passed(file: Backing): void;
}

/** A large image's check reports progress: it may take minutes. */
const largeBytes = 2 ** 30;

export function imageChecks(): Checks {
  const sound = new Map<string, string>();
  const passed = (file: Backing) => {
    const image = readImage(file);
    if (image) sound.set(file.path, stampOf(image));
  };
  return {
    passed,
    async fault(tool, file, watch, { unlessKnownSound = false } = {}) {
      const image = imageAt(file);
      if (unlessKnownSound && sound.get(file.path) === stampOf(image)) return null;
      if (image.header === null || image.header.dirty) {
        await probeLock(tool, file);
        if (image.header === null) return null;
        return { dirty: true, why: "was left half-way by its last user: it is marked dirty" };
      }
      const why = await check(tool, image, watch);
      if (why !== null) return { dirty: false, why };
      passed(file);
      return null;
    },
  };
}

async function check(tool: QemuImg, { facts: { path, bytes } }: Image, watch?: StepOptions): Promise<string | null> {
  const large = bytes >= largeBytes;
  const report = (done: number) => large && watch?.onProgress?.({ step: "check", path, done, total: 100 });
  report(0);
  const image = alone(path);
  const run = { path, paths: [image], accept: [0, 2, 3], watch };
  const { exitCode, output } = await tool.run(["check", "--output=json", image], run).catch((error: unknown) => {
    if (!(error instanceof SnapledgerError) || error.code !== "DRIVER_FAILED" || !("tool" in error.facts)) throw error;
    throw invalidImage(
      path,
      `cannot be checked (${String(error.facts["tool"])})`,
      `See what \`qemu-img check\` says of it.`,
    );
  });
  report(100);
  if (exitCode !== 2) return null;
  const { corruptions } = JSON.parse(output) as { corruptions?: number };
  return `has ${corruptions ?? "some"} errors in its cluster tables`;
}

/** What it is backed by is not opened: at a depth of a hundred that takes longer than the check. */
function alone(path: string): string {
  return `json:${JSON.stringify({ driver: "qcow2", backing: null, file: { driver: "file", filename: path } })}`;
}

/** Frees, or counts anew, whatever its last user did not get to. */
export async function repairImage(tool: QemuImg, file: Backing, watch?: StepOptions): Promise<FileFacts> {
  const { path } = file;
  const { exitCode } = await tool.run(["check", "-r", "all", "-f", file.format, "--output=json", path], {
    ...{ path, accept: [0, 2, 3], watch },
  });
  if (exitCode === 2) throw invalidImage(path, "could not be repaired", "Look at a copy of it with `qemu-img check`.");
  await syncFile(path);
  return imageAt(file).facts;
}

function stampOf({ facts: { device, inode, bytes, virtualBytes, mtimeNs } }: Image): string {
  return [device, inode, bytes, virtualBytes, mtimeNs].join(" ");
}
