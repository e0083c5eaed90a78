import { join } from "node:path";
import { loadChecked, saveChecked } from "../system/write.ts";

/** A tile is so many consecutive leaves. What is kept of one is its root; its leaves are in the log. */
export const tileLeaves = 256;

/** The roots of the first full tiles of a log. */
export interface Tiles {
  /** The last position they cover, and that record's hash; 0 and none. */
  readonly position: number;
  readonly hash: string;
  readonly roots: readonly Uint8Array[];
}

export const noTiles: Tiles = { position: 0, hash: "", roots: [] };

/** A short cut and no more: loading gives undefined for a file that is missing or odd, saving never rejects. */
export interface TileCache {
  load(): Promise<Tiles | undefined>;
  save(tiles: Tiles): Promise<void>;
}

/** For proofs that read every record. */
export const noTileCache: TileCache = { load: () => Promise.resolve(undefined), save: () => Promise.resolve() };

/**
 * `tree.json` in an existing folder, checked: position, hash and the roots one after the other in base64. A million
 * records take 170 kB.
 */
export function tileFile(folder: string): TileCache {
  const path = join(folder, "tree.json");
  return {
    load: () => Promise.resolve(parseTiles(loadChecked(path))),
    save: ({ position, hash, roots }) =>
      saveChecked(path, JSON.stringify({ position, hash, roots: Buffer.concat(roots).toString("base64") })),
  };
}

function parseTiles(text: string | undefined): Tiles | undefined {
  if (text === undefined) return undefined;
  const { position, hash, roots } = JSON.parse(text) as { position: number; hash: string; roots: string };
  const bytes = Buffer.from(roots, "base64");
  if (bytes.length * tileLeaves !== position * 32) return undefined;
  const rootAt = (_: unknown, i: number) => new Uint8Array(bytes.subarray(i * 32, i * 32 + 32));
  return { position, hash, roots: Array.from({ length: bytes.length / 32 }, rootAt) };
}
