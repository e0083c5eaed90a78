import type { ImageFault } from "../driver.ts";
import type { Backing } from "../../events/plan.ts";
import type { Compression, ImageFormat } from "../../events/records.ts";

/** A file in RAM. What was never written is not in `clusters`. */
export interface SimulatedFile {
  readonly device: string;
  readonly inode: string;
  readonly format: ImageFormat;
  mtimeNs: bigint;
  bytes: number;
  virtualBytes: number;
  backing: Backing | null;
  writable: boolean;
  compression: Compression | null;
  /** Its tables are stale: what is written over it goes where something else is. */
  fault: ImageFault | null;
  readonly clusters: Map<number, Uint8Array>;
}

/**
 * What simulated files hold. A chain is given nearest file first; past a shorter file's end it reads as zeros, as QEMU.
 * As with QEMU, a qcow2 file that is cut keeps the rest of its last cluster, and shows it when it grows again.
 */

export const clusterBytes = 4096;

type Chain = readonly [SimulatedFile, ...SimulatedFile[]];

/** undefined for a cluster that nobody wrote: zeros. Not to be changed by the caller. */
export function readCluster(chain: readonly SimulatedFile[], index: number): Uint8Array | undefined {
  let end = clusterBytes;
  for (const { clusters, virtualBytes } of chain) {
    end = Math.min(end, virtualBytes - index * clusterBytes);
    if (end <= 0) return undefined;
    const cluster = clusters.get(index);
    if (cluster !== undefined) return cut(cluster, end);
  }
  return undefined;
}

function cut(cluster: Uint8Array, end: number): Uint8Array {
  if (end >= clusterBytes) return cluster;
  const copy = new Uint8Array(clusterBytes);
  copy.set(cluster.subarray(0, end));
  return copy;
}

/** Writes into the first file; the rest of each cluster it touches is copied up. */
export function writeInto(chain: Chain, offset: number, bytes: Uint8Array): void {
  const [file] = chain;
  if (offset < 0 || offset + bytes.length > file.virtualBytes) throw new RangeError("a write past the disk's end");
  for (let done = 0; done < bytes.length;) {
    const index = Math.floor((offset + done) / clusterBytes);
    const within = (offset + done) % clusterBytes;
    const part = bytes.subarray(done, done + clusterBytes - within);
    const own = file.clusters.get(index) ?? readCluster(chain, index);
    const cluster = own?.slice() ?? new Uint8Array(clusterBytes);
    cluster.set(part, within);
    file.clusters.set(index, cluster);
    done += part.length;
  }
}

/** Makes the first file larger. What its backing file holds there stays out of sight. */
export function grow(chain: Chain, virtualBytes: number): void {
  lengthen(chain, virtualBytes)();
}

/**
 * The first file's new size alone, as a tool that is killed may leave it; and what hides whatever the file's backing file
 * holds there, but for the clusters that were written since.
 */
export function lengthen(chain: Chain, virtualBytes: number): (written?: ReadonlySet<number>) => void {
  const [file, below] = chain;
  const end = file.virtualBytes;
  file.virtualBytes = Math.max(end, virtualBytes);
  const hidden = Math.min(below?.virtualBytes ?? 0, file.virtualBytes);
  if (hidden <= end) return () => undefined;
  const first = Math.floor(end / clusterBytes);
  const within = readCluster([{ ...file, virtualBytes: end }, ...chain.slice(1)], first);
  return (written = new Set()) => {
    for (let index = first; index * clusterBytes < hidden; index++) {
      if (written.has(index)) continue;
      const cluster = new Uint8Array(clusterBytes);
      if (index === first && within) cluster.set(cut(within, end - index * clusterBytes));
      file.clusters.set(index, cluster);
    }
  };
}

/** Cuts a file's size, as `qemu-img resize --shrink` does. */
export function cutTo(file: SimulatedFile, virtualBytes: number): void {
  if (virtualBytes >= file.virtualBytes) return;
  file.virtualBytes = virtualBytes;
  for (const [index, cluster] of file.clusters) {
    const end = virtualBytes - index * clusterBytes;
    if (end <= 0) file.clusters.delete(index);
    else if (file.format === "raw") file.clusters.set(index, cut(cluster, end));
  }
}

/** Zeros past the file's own end, up to the end of its last cluster. */
export function clearTail(file: SimulatedFile, virtualBytes: number): void {
  const index = Math.floor(virtualBytes / clusterBytes);
  const cluster = file.clusters.get(index);
  if (cluster) file.clusters.set(index, cut(cluster, virtualBytes - index * clusterBytes));
}

/** The clusters of `upper` that `lower`, once it grows past `end`, would show otherwise than `upper` reads. */
export function wouldShow(upper: SimulatedFile, [lower, below]: Chain, end: number): number[] {
  if (lower.format === "raw" || upper.virtualBytes <= end) return [];
  const shown: number[] = [];
  const hidden = Math.min(below?.virtualBytes ?? 0, upper.virtualBytes);
  for (let index = Math.floor(end / clusterBytes); index * clusterBytes < upper.virtualBytes; index++) {
    if (upper.clusters.has(index)) continue;
    const stale =
      lower.clusters.get(index)?.some((byte, at) => byte !== 0 && index * clusterBytes + at >= end) ?? false;
    if (stale || (hidden > end && index * clusterBytes < hidden)) shown.push(index);
  }
  return shown;
}
