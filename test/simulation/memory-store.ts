import type { EventLog } from "../../src/events/log.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import { parseRecord } from "../../src/events/seal.ts";
import type { SimulatedStore, StoreParts } from "./store.ts";

/** The log in RAM: the project's own queue, sealing and chain over an array of lines. */
export class MemoryStore implements SimulatedStore {
  readonly #disk: string[] = [];
  readonly #parts: StoreParts;
  #log: EventLog | undefined;
  #boot = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  log(): Promise<EventLog> {
    return Promise.resolve((this.#log ??= this.#open(this.#boot)));
  }

  #open(boot: number): EventLog {
    const { clock, newId, logId, beforeWrite, written } = this.#parts;
    return memoryEventLog({
      ...{ clock, newId, logId, disk: this.#disk },
      faults: {
        beforeWrite: async () => {
          await beforeWrite();
          if (boot !== this.#boot) throw new Error("the process that wrote is gone");
        },
        afterWrite: (lines) => written(lines.map((line) => parseRecord(line))),
      },
    });
  }

  restart(): void {
    this.#boot += 1;
    this.#log = undefined;
  }

  lines(): Promise<readonly string[]> {
    return Promise.resolve(this.#disk);
  }
}
