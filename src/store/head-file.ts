import { closeSync, fdatasyncSync, openSync, readlinkSync, readSync, realpathSync, writeSync } from "node:fs";
import { sha256 } from "../events/hash.ts";
import { damaged } from "../events/damage.ts";
import type { LogHead } from "../events/log.ts";
import { writeNewFile } from "../system/write.ts";

/**
 * Says what must be in the log, since LevelDB loses records without a word. Two slots, written in turn: a write that
 * is torn leaves the one before. Each is a line of JSON, padded, with a checksum of its own.
 */
export interface Head extends LogHead {
  /** Up to this position all records lie in LevelDB's tables: what its write-ahead log may have lost comes after. */
  readonly tables: number;
}

interface Slot extends Head {
  /** Counts the writes: the higher of two is the newer. */
  readonly write: number;
}

const slotBytes = 512;
/** Far enough apart that no disk writes both at once. */
const slotDistance = 4096;

export class HeadFile {
  readonly #path: string;
  readonly #fd: number;
  #newest: Slot;
  #slot: number;
  #closed = false;
  /** Both slots could be read. */
  readonly sound: boolean;

  private constructor(path: string, fd: number, slots: readonly (Slot | undefined)[]) {
    const newest = slots.filter((slot) => slot !== undefined).sort((a, b) => b.write - a.write)[0];
    if (!newest) throw headDamaged(`${path} can't be read: neither of its slots is whole`);
    this.#path = realpathSync(path);
    this.#fd = fd;
    this.#newest = newest;
    this.#slot = slots.indexOf(newest);
    this.sound = slots.every((slot) => slot !== undefined);
  }

  /** A new file (0600) with this head in both slots, durable but for its folder. */
  static create(path: string, head: Head): void {
    const file = Buffer.alloc(slotDistance + slotBytes, " ");
    encode({ ...head, write: 1 }).copy(file, 0);
    encode({ ...head, write: 2 }).copy(file, slotDistance);
    writeNewFile(path, file, { synced: true });
  }

  /** Rejects with LOG_DAMAGED when it is missing or neither slot is whole. */
  static open(path: string): HeadFile {
    const fd = openFile(path);
    try {
      return new HeadFile(path, fd, [read(fd, 0), read(fd, slotDistance)]);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** What it says, also for a process that may not write it; null when it says nothing. */
  static read(path: string): LogHead | null {
    try {
      const fd = openSync(path, "r");
      try {
        const slots = [read(fd, 0), read(fd, slotDistance)].filter((slot) => slot !== undefined);
        const newest = slots.sort((a, b) => b.write - a.write)[0];
        return newest ? { logId: newest.logId, position: newest.position, hash: newest.hash } : null;
      } finally {
        closeSync(fd);
      }
    } catch {
      return null;
    }
  }

  get head(): Head {
    return this.#newest;
  }

  /** Durable when it returns: with blocking calls, which cost less than half of what promises do. */
  write(head: Head): void {
    const { logId, position, hash, tables } = head;
    const next = { logId, position, hash, tables, write: this.#newest.write + 1 };
    const slot = 1 - this.#slot;
    writeSync(this.#fd, encode(next), 0, slotBytes, slot * slotDistance);
    fdatasyncSync(this.#fd);
    this.#newest = next;
    this.#slot = slot;
  }

  /**
   * false: another file was put in its place, or none is there. By the open file's name, not by a look at the path:
   * where a kernel gives a file that was looked at its next time stamp exactly (Linux 6.13), that look costs the next
   * write half of its sync once more (measured).
   */
  isInPlace(): boolean {
    return readlinkSync(`/proc/self/fd/${this.#fd}`) === this.#path;
  }

  /** A second time does nothing: the number may be another file's by then. */
  close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw headDamaged(`${path} is missing`);
    throw error;
  }
}

function headDamaged(why: string): Error {
  return damaged(0, `${why}, so nothing says where the log has to end`);
}

function encode(slot: Slot): Buffer {
  const text = JSON.stringify(slot);
  return Buffer.from(`${JSON.stringify({ ...slot, sum: sha256(text) }).padEnd(slotBytes - 1)}\n`);
}

function read(fd: number, offset: number): Slot | undefined {
  const bytes = Buffer.alloc(slotBytes);
  const length = readSync(fd, bytes, 0, slotBytes, offset);
  try {
    const { sum, ...slot } = JSON.parse(bytes.toString("utf8", 0, length)) as Slot & { sum: string };
    return sum === sha256(JSON.stringify(slot)) ? slot : undefined;
  } catch {
    return undefined;
  }
}
