import type { World } from "../../src/drivers/memory/index.ts";
import type { ImageFormat } from "../../src/events/records.ts";
import { filledWith, sectorBytes } from "./files.ts";

/** The base images of a run, as an operator would have them, and what each must hold. */
export interface BaseImage {
  readonly path: string;
  readonly format: ImageFormat;
  /** The image whose file this is by another name. */
  readonly linkTo?: string;
  readonly backedBy?: string;
  readonly writable: boolean;
  readonly sectors: number;
  /** Its tables have errors: nobody is defined on it. */
  readonly torn?: boolean;
}

const image = (path: string, sectors: number, more: Partial<BaseImage> = {}): BaseImage => {
  const format = path.endsWith(".raw") ? "raw" : "qcow2";
  return { path, format, writable: true, sectors, ...more };
};

/** One that is shared, one for a domain alone, the first by a hard link, one backed by it, others, one that is read-only, one with errors. */
export const baseImages: readonly BaseImage[] = [
  image("/bases/shared.raw", 5),
  image("/bases/a.raw", 6),
  image("/bases/link.raw", 5, { linkTo: "/bases/shared.raw" }),
  image("/bases/over.qcow2", 5, { backedBy: "/bases/shared.raw" }),
  image("/bases/b.qcow2", 5),
  image("/bases/c.qcow2", 4),
  image("/bases/golden.qcow2", 4, { writable: false }),
  image("/bases/torn.qcow2", 5, { torn: true }),
];

export function baseImage(path: string): BaseImage | undefined {
  return baseImages.find((one) => one.path === path);
}

/** One name for one file. */
export function fileOf(path: string): string {
  return baseImage(path)?.linkTo ?? path;
}

/** The file itself, and those it is backed by. */
export function chainOf(path: string): string[] {
  const below = baseImage(path)?.backedBy;
  return [fileOf(path), ...(below === undefined ? [] : chainOf(below))];
}

/** Makes them; returns what each file holds. */
export function makeBases(world: World): Map<string, readonly number[]> {
  const contents = new Map<string, readonly number[]>();
  for (const { path, format, linkTo, backedBy, writable, sectors, torn } of baseImages) {
    if (linkTo !== undefined) {
      world.link(linkTo, path);
      continue;
    }
    const below = backedBy === undefined ? [] : (contents.get(backedBy) ?? []);
    const backing = backedBy === undefined ? null : { path: backedBy, format: baseImage(backedBy)?.format ?? "raw" };
    world.make(path, { format, virtualBytes: sectors * sectorBytes, writable, backing });
    const content = Array.from({ length: sectors }, (_, n) => below[n] ?? 0);
    for (let n = 0; n < sectors; n++) {
      if (n % 3 === 2) continue;
      content[n] = 200 + path.length + n;
      world.write(path, n * sectorBytes, filledWith(content[n] ?? 0));
    }
    if (torn) world.file(path).fault = { dirty: false, why: "has errors in its cluster tables (drawn)" };
    contents.set(path, content);
  }
  return contents;
}
