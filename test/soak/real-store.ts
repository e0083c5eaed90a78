import { join } from "node:path";
import { nothingCached, readDomainState } from "../../src/queries/cache/cached-states.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import type { Command } from "../../src/events/command.ts";
import type { EventLog, LogAccess } from "../../src/events/log.ts";
import { openStore, storeLayout } from "../../src/store/store.ts";
import type { Outcome } from "../../src/connection/api.ts";
import { clock, newId } from "../../src/connection/environment.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { Terminal } from "../support/terminal.ts";
import { Place } from "../support/world.ts";
import { argumentsOf } from "./arguments.ts";

/** A sixteenth of a cluster: disks end where they like. */
export const soakSectorBytes = 4096;

/** Real images, a real store beside them, and a process of the command line for every command. */
export class RealStore extends Place {
  readonly terminal: Terminal;
  readonly store: string;

  /** `program` is the command line's own file. */
  constructor(folder: string, program: string) {
    const store = join(folder, "store");
    super(folder, storeLayout(store).layers, qemuDriver(), soakSectorBytes);
    this.store = store;
    this.terminal = new Terminal(folder, {}, program);
  }

  override newId = newId;

  override async run(command: Command): Promise<Outcome> {
    return (await this.terminal.json(...argumentsOf(command))) as Outcome;
  }

  override state(uuid: string): Promise<DomainState> {
    return this.#read((log) => readDomainState(log, uuid, nothingCached));
  }

  /** Every record as it is stored. */
  lines(): Promise<string[]> {
    return this.#read(async (log) => {
      const lines: string[] = [];
      for await (const { line } of log.read()) lines.push(line);
      return lines;
    });
  }

  async #read<T>(work: (log: EventLog) => Promise<T>): Promise<T> {
    const access: LogAccess = await openStore(this.store, { clock, newId, waitMs: 5000, hold: false, verb: "soak" });
    try {
      return await access.use(work);
    } finally {
      await access.close();
    }
  }
}
