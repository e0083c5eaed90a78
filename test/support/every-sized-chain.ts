import type { SizedChain } from "./sized-chains.ts";
import { baseKinds, clusterSectors, sizedTold } from "./sized-chains.ts";

/** Base image, lower and upper layer in every order of three sizes, equal ones among them. */

/** On the cluster boundary, off it (by 4096 and by 512 bytes), and all three within one cluster. */
const sizeSets = [
  [2 * clusterSectors, 4 * clusterSectors, 7 * clusterSectors],
  [2 * clusterSectors + 8, 4 * clusterSectors + 1, 7 * clusterSectors + 8],
  [2 * clusterSectors + 8, 2 * clusterSectors + 9, 2 * clusterSectors + 65],
  [2 * clusterSectors + 1, 4 * clusterSectors, 4 * clusterSectors + 8],
] as const;

export function sizedChains(): SizedChain[] {
  const all = sizeSets.flatMap((set) =>
    set.flatMap((base) =>
      set.flatMap((a) =>
        set.flatMap((s) =>
          baseKinds.flatMap((kind) =>
            [false, true].map((upperWasLonger) => ({ base: kind, sizes: { base, a, s }, upperWasLonger })),
          ),
        ),
      ),
    ),
  );
  // Some are in two of the sets.
  return [...new Map(all.map((chain) => [sizedTold(chain), chain])).values()];
}
