import type { EventLog } from "../../src/events/log.ts";
import { HeadFile } from "../../src/store/head-file.ts";
import { createLevelEventLog } from "../../src/events/level/level-log.ts";
import { openChecked } from "../../src/store/open.ts";
import { parseRecord } from "../../src/events/seal.ts";
import type { Random } from "../support/random.ts";
import { Disk, insert, readBatches } from "./disk/disk.ts";
import type { SimulatedStore, StoreParts } from "./store.ts";

const layout = { log: "/store/log", backup: "/store/aside", head: "/store/head", run: "/store/run" };
const nobody = { user: "nobody", uid: 0, loginUid: 0, sudoUser: null, host: "host", via: "simulation" } as const;

/** The project's own LevelDB log, head file and checked opening, on a simulated disk. */
export class DiskStore implements SimulatedStore {
  readonly #disk: Disk;
  readonly #drawn: Random;
  readonly #parts: StoreParts;
  #log: Promise<EventLog> | undefined;
  #made = false;

  constructor(parts: StoreParts, drawn: Random) {
    const { beforeWrite, written } = parts;
    this.#parts = parts;
    this.#drawn = drawn;
    this.#disk = new Disk({
      beforeWrite: () => (this.#made ? beforeWrite() : Promise.resolve()),
      written: (lines) => (this.#made ? written(lines.map((line) => parseRecord(line))) : undefined),
    });
    insert(this.#disk);
  }

  log(): Promise<EventLog> {
    return (this.#log ??= this.#made ? openChecked(layout, this.#parts) : this.#make());
  }

  async #make(): Promise<EventLog> {
    this.#disk.folders.add("/store").add(layout.run);
    const log = await createLevelEventLog(layout.log, { ...this.#parts, actor: { ...nobody, knownBy: "claimed" } });
    HeadFile.create(layout.head, { ...(await log.head()), tables: 1 });
    await log.close();
    this.#made = true;
    return openChecked(layout, this.#parts);
  }

  restart(power: boolean): void {
    this.#disk.restart();
    if (power) this.#disk.cutPower(this.#drawn);
    this.#log = undefined;
  }

  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for await (const { line } of (await this.log()).read()) lines.push(line);
    return lines;
  }

  /** Loses whole batches from the end, or turns a bit in one of them. Returns the last position that can be left. */
  betray(of: "tail" | "bit"): number {
    const path = `${layout.log}/records`;
    const { bytes } = this.#disk.files.get(path) ?? this.#disk.make(path);
    const { batches } = readBatches(bytes);
    const ends: number[] = [];
    for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n", end + 1)) ends.push(end + 1);
    const kept = this.#drawn.below(batches.length - 1) + 1;
    const rest = Buffer.from(bytes.subarray(0, of === "tail" ? ends[kept - 1] : bytes.length));
    if (of === "bit") {
      const at = (ends[kept - 1] ?? 0) + this.#drawn.below((ends[kept] ?? 1) - (ends[kept - 1] ?? 0) - 1);
      rest[at] = (rest[at] ?? 0) ^ 1;
    }
    this.#disk.sync(this.#disk.make(path, rest));
    return batches
      .slice(0, kept)
      .flat()
      .filter(([key]) => /^\d/.test(key)).length;
  }
}
