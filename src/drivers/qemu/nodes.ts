import type { Backing } from "../../events/plan.ts";
import { missingFile } from "../errors.ts";
import { readImage } from "../qemu-img/image.ts";
import type { BlockImage, BlockNode, BlockdevOptions } from "./qmp-commands.ts";
import type { Qmp } from "./qmp.ts";

/**
 * QEMU's graph of open files. Each of ours is two nodes, the format `n<k>` on the file `f<k>`: files are found again
 * by their path in the lower one, whose name QEMU never decorates.
 */

/** A head with its whole chain, as our own reader finds it in the headers; nodes are numbered from `first`. */
export async function chainOptions(head: Backing, first: number): Promise<{ options: BlockdevOptions; next: number }> {
  const image = readImage(head);
  if (image === undefined) throw missingFile(head.path);
  const backing = image.header?.backing;
  const below = backing ? await chainOptions(backingOf(backing), first + 1) : undefined;
  const options = { ...nodeOptions(head, first, "head"), ...(below && { backing: belowHead(below.options) }) };
  return { options, next: below?.next ?? first + 1 };
}

function backingOf({ path, format }: { readonly path: string; readonly format: string | null }): Backing {
  return { path, format: format === "raw" ? "raw" : "qcow2" };
}

/** Format read-only but not its file: else block-commit cannot open it for writing later (measured). */
function belowHead(options: BlockdevOptions): BlockdevOptions {
  const { file, ...format } = options;
  return { ...format, "read-only": true, ...(file && { file: { ...file, "auto-read-only": true } }) };
}

/** An overlay that is not in use yet: what backs it is the node it will be put on. */
export function nodeOptions({ path, format }: Backing, number: number, as: "head" | "overlay"): BlockdevOptions {
  const file = { driver: "file", filename: path, "node-name": `f${number}` } as const;
  return { driver: format, "node-name": `n${number}`, file, ...(as === "overlay" && { backing: null }) };
}

export async function blockNodes(qmp: Qmp): Promise<readonly BlockNode[]> {
  return qmp.execute("query-named-block-nodes", { flat: true });
}

/** The format node of the file at `path`; undefined when it is not open. */
export function nodeOf(nodes: readonly BlockNode[], path: string): string | undefined {
  const file = nodes.find(({ drv, file: open }) => drv === "file" && open === path)?.["node-name"];
  return file?.replace(/^f/, "n");
}

export function freeNumber(nodes: readonly BlockNode[]): number {
  const taken = nodes.map((node) => Number(/^n(\d+)$/.exec(node["node-name"])?.[1] ?? -1));
  return Math.max(-1, ...taken) + 1;
}

export interface GuestDisk {
  /** The device's id: the disk's target. */
  readonly target: string;
  readonly node: string;
  /** Absolute paths from the head down. */
  readonly chain: readonly string[];
}

/** The guest's own word on what each of its disks reads and writes. */
export async function guestDisks(qmp: Qmp): Promise<GuestDisk[]> {
  const devices = await qmp.execute("query-block");
  return devices.flatMap(({ qdev, inserted }) => {
    const target = /^\/machine\/peripheral\/([^/]+)/.exec(qdev ?? "")?.[1] ?? qdev;
    if (target === undefined || inserted?.["node-name"] === undefined) return [];
    return [{ target, node: inserted["node-name"], chain: chainOf(inserted.image) }];
  });
}

function chainOf(image: BlockImage): string[] {
  const paths: string[] = [];
  for (let next: BlockImage | undefined = image; next; next = next["backing-image"]) {
    paths.push(plainPath(next.filename));
  }
  return paths;
}

/** QEMU tells a node whose backing is not what its header says as `json:{…}`. */
function plainPath(filename: string): string {
  if (!filename.startsWith("json:")) return filename;
  const options = JSON.parse(filename.slice("json:".length)) as { file?: { filename?: string }; filename?: string };
  return options.file?.filename ?? options.filename ?? filename;
}
