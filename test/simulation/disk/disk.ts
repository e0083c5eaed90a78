import type { Random } from "../../support/random.ts";
import { sha256 } from "../../../src/events/hash.ts";

/**
 * The disk that the store lies on. What is written is seen by every process at once, and survives a power cut once it
 * is synced; what is not may be lost, or torn. Folders, names and links are kept at once. One disk at a time: the
 * stand-ins for `node:fs` and `level` find it here.
 */
export interface Inode {
  readonly number: number;
  bytes: Buffer;
  synced: Buffer;
}

export interface DiskHooks {
  /** Before a batch is written: waits, and may throw. */
  beforeWrite(): Promise<void>;
  /** Once it is written and synced, with the lines of its records. */
  written(lines: readonly string[]): void;
}

export class Disk {
  readonly files = new Map<string, Inode>();
  readonly folders = new Set<string>();
  /** What is open; all is closed when processes die. */
  readonly open = new Map<number, Inode>();
  /** Counts restarts: whoever was there before is dead. */
  boot = 0;
  readonly hooks: DiskHooks;
  #inodes = 0;
  #descriptors = 100;

  constructor(hooks: DiskHooks) {
    this.hooks = hooks;
  }

  make(path: string, bytes: Buffer = Buffer.alloc(0)): Inode {
    const inode: Inode = { number: ++this.#inodes, bytes, synced: Buffer.alloc(0) };
    this.files.set(path, inode);
    return inode;
  }

  descriptor(inode: Inode): number {
    this.open.set(++this.#descriptors, inode);
    return this.#descriptors;
  }

  sync(inode: Inode): void {
    inode.synced = inode.bytes;
  }

  restart(): void {
    this.boot += 1;
    this.open.clear();
  }

  /** Of what is not synced a part is left: the first bytes that differ, as many as are drawn. */
  cutPower(drawn: Random): void {
    for (const inode of new Set(this.files.values())) {
      const { bytes, synced } = inode;
      if (bytes === synced) continue;
      const kept = drawn.below(bytes.length + 1);
      inode.bytes = Buffer.concat([bytes.subarray(0, kept), synced.subarray(kept)]);
      inode.synced = inode.bytes;
    }
  }
}

let present: Disk | undefined;

export function insert(disk: Disk): void {
  present = disk;
}

export function disk(): Disk {
  if (!present) throw new Error("there is no simulated disk");
  return present;
}

// How the stand-in for LevelDB keeps its batches: a line each, with a checksum before it.

export function writeBatch(entries: readonly (readonly [string, string])[]): Buffer {
  const text = JSON.stringify(entries);
  return Buffer.from(`${sha256(text).slice(0, 16)} ${text}\n`);
}

/** The batches up to the first that is not whole, and how many bytes they take: as LevelDB, without a word. */
export function readBatches(bytes: Buffer): { batches: [string, string][][]; length: number } {
  const batches: [string, string][][] = [];
  let length = 0;
  for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n", length)) {
    const line = bytes.toString("utf8", length, end);
    const text = line.slice(17);
    if (`${sha256(text).slice(0, 16)} ` !== line.slice(0, 17)) break;
    batches.push(JSON.parse(text) as [string, string][]);
    length = end + 1;
  }
  return { batches, length };
}
