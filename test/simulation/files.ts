import type { World } from "../../src/drivers/memory/index.ts";
import { clusterBytes } from "../../src/drivers/memory/content.ts";
import type { SimulatedFile } from "../../src/drivers/memory/content.ts";

/** Reads simulated files for the judge: its own walk along the links that the files really have, every byte looked at. */

/** A sector of the model is half a cluster of the memory driver: disks end within a cluster as often as not. */
export const sectorBytes = 2048;

const filled = Array.from({ length: 256 }, (_, byte) => new Uint8Array(sectorBytes).fill(byte));

export function filledWith(byte: number): Uint8Array {
  return filled[byte] ?? new Uint8Array(sectorBytes);
}

/** What each sector is filled with, or what is wrong with the file. */
export function sectorsIn(world: World, path: string): readonly number[] | string {
  const chain: SimulatedFile[] = [];
  for (let next: string | null = path; next !== null; next = chain.at(-1)?.backing?.path ?? null) {
    const file = world.files.get(next);
    if (!file) return `${next} is missing`;
    if (chain.includes(file)) return `${path} is backed by a loop`;
    chain.push(file);
  }
  const sectors: number[] = [];
  const bytes = chain[0]?.virtualBytes ?? 0;
  for (let index = 0; index * sectorBytes < bytes; index++) sectors.push(sectorIn(chain, index));
  return sectors;
}

/** -1: its bytes differ. */
function sectorIn(chain: readonly SimulatedFile[], index: number): number {
  const at = (index * sectorBytes) % clusterBytes;
  for (const { clusters, virtualBytes } of chain) {
    if (index * sectorBytes >= virtualBytes) return 0;
    const sector = clusters.get(Math.floor((index * sectorBytes) / clusterBytes))?.subarray(at, at + sectorBytes);
    if (!sector) continue;
    const byte = sector[0] ?? 0;
    return Buffer.compare(sector, filledWith(byte)) === 0 ? byte : -1;
  }
  return 0;
}
