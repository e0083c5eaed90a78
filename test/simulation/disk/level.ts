import { disk, readBatches, writeBatch } from "./disk.ts";

/** Stands in for LevelDB on the simulated disk: as much of `Level` as the log uses, and as careless with what is torn. */

interface Range {
  readonly gte: string;
  readonly lt: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export class Level {
  readonly #folder: string;
  readonly #create: boolean;
  readonly #boot = disk().boot;
  readonly #values = new Map<string, string>();
  /** Sorted. */
  readonly #keys: string[] = [];

  constructor(folder: string, { createIfMissing }: { readonly createIfMissing: boolean }) {
    this.#folder = folder;
    this.#create = createIfMissing;
  }

  /** What cannot be read, and all that follows it, is dropped, and the file goes on without it. */
  open(): Promise<void> {
    const path = this.#path();
    if (this.#create) {
      disk().folders.add(this.#folder);
      disk().make(`${this.#folder}/LOCK`);
      disk().make(path);
    }
    const file = disk().files.get(path);
    if (!file) return Promise.reject(new Error(`${path} does not exist`));
    const { batches, length } = readBatches(file.bytes);
    for (const entries of batches) this.#keep(entries);
    const opened = disk().make(path, file.bytes.subarray(0, length));
    disk().sync(opened);
    return Promise.resolve();
  }

  #path(): string {
    return `${this.#folder}/records`;
  }

  #keep(entries: readonly (readonly [string, string])[]): void {
    for (const [key, value] of entries) {
      if (!this.#values.has(key)) this.#keys.splice(this.#place(key), 0, key);
      this.#values.set(key, value);
    }
  }

  /** How many keys come before it. */
  #place(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.resolve(keys.map((key) => this.#values.get(key)));
  }

  keys(range: Range): Found<string> {
    return new Found(this.#range(range));
  }

  values(range: Range): Found<string> {
    return new Found(this.#range(range).map((key) => this.#values.get(key) ?? ""));
  }

  iterator(range: Range): Found<[string, string]> {
    return new Found(this.#range(range).map((key) => [key, this.#values.get(key) ?? ""]));
  }

  #range({ gte, lt, reverse = false, limit = Infinity }: Range): string[] {
    const keys = this.#keys.slice(this.#place(gte), this.#place(lt));
    return (reverse ? keys.reverse() : keys).slice(0, limit);
  }

  batch() {
    const entries: [string, string][] = [];
    return {
      put: (key: string, value: string) => void entries.push([key, value]),
      write: ({ sync = false } = {}) => this.#write(entries, sync),
    };
  }

  async #write(entries: readonly [string, string][], sync: boolean): Promise<void> {
    await disk().hooks.beforeWrite();
    const file = disk().files.get(this.#path());
    if (!file || disk().boot !== this.#boot) throw new Error("the process that wrote is gone");
    file.bytes = Buffer.concat([file.bytes, writeBatch(entries)]);
    if (sync) disk().sync(file);
    this.#keep(entries);
    disk().hooks.written(entries.filter(([key]) => /^\d/.test(key)).map(([, value]) => value));
    if (disk().boot !== this.#boot) throw new Error("the process that wrote is gone");
  }
}

class Found<T> {
  readonly #all: T[];

  constructor(all: T[]) {
    this.#all = all;
  }

  all(): Promise<T[]> {
    return Promise.resolve(this.#all.splice(0));
  }

  nextv(count: number): Promise<T[]> {
    return Promise.resolve(this.#all.splice(0, count));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
