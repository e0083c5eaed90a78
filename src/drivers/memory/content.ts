import type { SimulatedFile } from "./world.ts";

/** What simulated files hold. A chain is given nearest file first; past a shorter file's end it reads as zeros, as QEMU. */

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
    const cluster = readCluster(chain, index)?.slice() ?? new Uint8Array(clusterBytes);
    cluster.set(part, within);
    file.clusters.set(index, cluster);
    done += part.length;
  }
}

/** Makes the first file larger. What its backing files hold there stays out of sight. */
export function grow(chain: Chain, virtualBytes: number): void {
  const [file] = chain;
  const first = Math.floor(file.virtualBytes / clusterBytes);
  const below = new Set(chain.slice(1).flatMap(({ clusters }) => [...clusters.keys()]));
  const hidden = [...below].filter((index) => index >= first && index * clusterBytes < virtualBytes);
  const seen = hidden.map((index) => [index, readCluster(chain, index)] as const);
  file.virtualBytes = Math.max(file.virtualBytes, virtualBytes);
  for (const [index, cluster] of seen) file.clusters.set(index, cluster ?? new Uint8Array(clusterBytes));
}

/** Cuts a file's size; growing it again brings nothing back. */
export function cutTo(file: SimulatedFile, virtualBytes: number): void {
  file.virtualBytes = virtualBytes;
  for (const [index, cluster] of file.clusters) {
    const end = virtualBytes - index * clusterBytes;
    if (end <= 0) file.clusters.delete(index);
    else file.clusters.set(index, cut(cluster, end));
  }
}
