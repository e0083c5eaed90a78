import { createHash } from "node:crypto";
import type { DomainId } from "../../events/ids.ts";
import type { Backing } from "../../events/plan.ts";
import type { FileFacts, GuestState, ImageFormat } from "../../events/records.ts";
import { fullDisk, lockedImage, missingFile } from "../errors.ts";
import { clusterBytes, grow, readCluster, writeInto } from "./content.ts";
import type { SimulatedFile } from "./content.ts";

export interface SimulatedGuest {
  state: GuestState;
  /** In the order of the domain's disks. */
  heads: readonly string[];
  memory: Uint8Array;
}

/** A guest's saved memory, and a digest of what its disks held at that instant. */
export interface SavedMemory {
  readonly bytes: Uint8Array;
  readonly disks: string;
}

export interface NewFile {
  readonly format: ImageFormat;
  readonly virtualBytes: number;
  readonly backing?: Backing | null;
  readonly writable?: boolean;
}

/** The length of an empty qcow2 file, as qemu-img makes it. */
const emptyQcow2Bytes = 196_616;

/**
 * The machine that memory drivers work on: its files, guests and free space. It outlives a driver, as a machine
 * outlives a manager that died. Its methods are also how tests play the guest, the operator and the foreign process.
 */
export class World {
  readonly files = new Map<string, SimulatedFile>();
  readonly guests = new Map<DomainId, SimulatedGuest>();
  readonly memories = new Map<string, SavedMemory>();
  /** Paths unlinked here: what the log still says of them brings nothing back. */
  readonly removed = new Set<string>();
  readonly unsafeFolders = new Set<string>();
  freeBytes = 2 ** 40;
  readonly #locked = new Set<SimulatedFile>();

  /** FILE_NOT_FOUND. */
  file(path: string): SimulatedFile {
    const file = this.files.get(path);
    if (file === undefined) throw missingFile(path);
    return file;
  }

  /** Takes the place of any file there, as another inode. DISK_FULL. */
  make(path: string, { format, virtualBytes, backing = null, writable = true }: NewFile): SimulatedFile {
    const bytes = format === "raw" ? virtualBytes : emptyQcow2Bytes;
    this.take(path, bytes);
    const file: SimulatedFile = {
      device: "1",
      inode: inodeOf(path, this.files.get(path)?.inode),
      format,
      mtimeNs: 1_000_000n,
      bytes,
      virtualBytes,
      backing,
      writable,
      compression: null,
      fault: null,
      clusters: new Map(),
    };
    this.removed.delete(path);
    this.files.set(path, file);
    return file;
  }

  unlink(path: string): void {
    const file = this.files.get(path);
    this.files.delete(path);
    this.memories.delete(path);
    this.removed.add(path);
    if (file !== undefined && ![...this.files.values()].includes(file)) this.freeBytes += file.bytes;
  }

  /** A second name for the same file. */
  link(path: string, newPath: string): void {
    this.files.set(newPath, this.file(path));
  }

  /** Holds the file for writing, as a foreign process would; returns how to let go. */
  lock(path: string): () => void {
    const file = this.file(path);
    this.#locked.add(file);
    return () => void this.#locked.delete(file);
  }

  /** IMAGE_LOCKED when a foreign process holds the file. */
  assertUnlocked(path: string): void {
    if (this.#locked.has(this.file(path))) throw lockedImage(path);
  }

  /** IMAGE_LOCKED when a foreign process, or a guest that runs, has the file open. */
  assertUnused(path: string): void {
    this.assertUnlocked(path);
    for (const { state, heads } of this.guests.values()) {
      if (state !== "off" && heads.some((head) => this.chain(head).includes(this.file(path)))) throw lockedImage(path);
    }
  }

  /** The file and what it is backed by, nearest first. */
  chain(path: string): SimulatedFile[] {
    const chain: SimulatedFile[] = [];
    for (let next = this.files.get(path); next !== undefined && !chain.includes(next);) {
      chain.push(next);
      next = next.backing === null ? undefined : this.files.get(next.backing.path);
    }
    return chain;
  }

  facts(path: string): FileFacts {
    const { device, inode, format, bytes, virtualBytes, mtimeNs } = this.file(path);
    return { device, inode, path, format, bytes, virtualBytes, mtimeNs: mtimeNs.toString() };
  }

  /** What a guest would read there, through the whole chain. */
  read(path: string, offset = 0, length = this.file(path).virtualBytes - offset): Uint8Array {
    const chain = this.wholeChain(path);
    const content = new Uint8Array(length);
    for (let at = offset; at < offset + length;) {
      const within = at % clusterBytes;
      const part = Math.min(clusterBytes - within, offset + length - at);
      const cluster = readCluster(chain, Math.floor(at / clusterBytes));
      if (cluster !== undefined) content.set(cluster.subarray(within, within + part), at - offset);
      at += part;
    }
    return content;
  }

  /** What a guest would write there. */
  write(path: string, offset: number, bytes: Uint8Array): void {
    const chain = this.wholeChain(path);
    const before = chain[0].clusters.size;
    writeInto(chain, offset, bytes);
    this.touched(path, chain[0].clusters.size - before);
  }

  /** Changes a disk's size from outside, as `qemu-img resize` would; what comes into view of files below reads as zeros. */
  resize(path: string, virtualBytes: number): void {
    const chain = this.wholeChain(path);
    const before = chain[0].clusters.size;
    grow(chain, virtualBytes);
    this.touched(path, chain[0].clusters.size - before);
  }

  /** Counts what was written. A qcow2 file grows and never shrinks again; a raw one is as long as its disk. */
  touched(path: string, newClusters: number): void {
    const file = this.file(path);
    const bytes = file.format === "raw" ? file.virtualBytes : file.bytes + newClusters * clusterBytes;
    this.take(path, bytes - file.bytes);
    file.bytes = bytes;
    file.mtimeNs += 1_000_000n;
  }

  /** DISK_FULL. */
  take(path: string, bytes: number): void {
    if (bytes > this.freeBytes) throw fullDisk(path);
    this.freeBytes -= bytes;
  }

  /** FILE_NOT_FOUND when a file of the chain is missing. */
  wholeChain(path: string): [SimulatedFile, ...SimulatedFile[]] {
    const file = this.file(path);
    const [, ...below] = this.chain(path);
    for (const { backing } of [file, ...below]) if (backing !== null) this.file(backing.path);
    return [file, ...below];
  }

  /** One digest of what these disks hold: the same for the same content, however it is spread over files. */
  digest(paths: readonly string[]): string {
    const hash = createHash("sha256");
    for (const path of paths) {
      const chain = this.wholeChain(path);
      const indexes = [...new Set(chain.flatMap(({ clusters }) => [...clusters.keys()]))].sort((a, b) => a - b);
      hash.update(`${chain[0].virtualBytes}:`);
      for (const index of indexes) {
        const cluster = readCluster(chain, index);
        if (cluster?.some((byte) => byte !== 0)) hash.update(`${index}:`).update(cluster);
      }
    }
    return hash.digest("hex");
  }
}

/** The same path has the same inode in every process, so that a domain of one is recognised in another. */
function inodeOf(path: string, taken = ""): string {
  return BigInt(`0x${createHash("sha256").update(`${path}${taken}`).digest("hex").slice(0, 12)}`).toString();
}
