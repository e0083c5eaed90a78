import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../events/hash.ts";

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

/** A short cut and no more: loading gives undefined for whatever is missing or odd, saving never rejects. */
export interface TileCache {
  load(): Promise<Tiles | undefined>;
  save(tiles: Tiles): Promise<void>;
}

/** For proofs that read every record. */
export const noTileCache: TileCache = { load: () => Promise.resolve(undefined), save: () => Promise.resolve() };

/**
 * `tree.json` in an existing folder: SHA-256 of what follows, then position, hash and the roots one after the other in
 * base64. A million records take 170 kB.
 */
export function tileFile(folder: string): TileCache {
  const path = join(folder, "tree.json");
  return {
    load: async () => parseTiles(await readFile(path, "utf8").catch(() => "")),
    save: async ({ position, hash, roots }) => {
      const text = JSON.stringify({ position, hash, roots: Buffer.concat(roots).toString("base64") });
      const temporary = `${path}.${process.pid}.tmp`;
      try {
        await writeFile(temporary, `${sha256(text)}\n${text}`, { mode: 0o600 });
        await rename(temporary, path);
      } catch {
        await unlink(temporary).catch(() => undefined);
      }
    },
  };
}

function parseTiles(file: string): Tiles | undefined {
  const text = file.slice(65);
  if (file.slice(0, 65) !== `${sha256(text)}\n`) return undefined;
  const { position, hash, roots } = JSON.parse(text) as { position: number; hash: string; roots: string };
  const bytes = Buffer.from(roots, "base64");
  if (bytes.length * tileLeaves !== position * 32) return undefined;
  const rootAt = (_: unknown, i: number) => new Uint8Array(bytes.subarray(i * 32, i * 32 + 32));
  return { position, hash, roots: Array.from({ length: bytes.length / 32 }, rootAt) };
}
