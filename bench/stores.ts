import { join } from "node:path";
import type { NewEvent } from "../src/events/events.ts";
import type { LogHead, StoredRecord } from "../src/events/log.ts";
import { makeStore } from "../src/store/create.ts";
import { storeLayout } from "../src/store/layout.ts";
import { writeLog } from "../src/events/level/bulk-write.ts";
import { connect } from "../src/connection/connection.ts";
import { fleet, lives, sealed, SnapshotHistory } from "./history.ts";

/** Large stores, made once in a run and then only read. */
export class Stores {
  readonly #folder: string;
  readonly #say: (progress: string) => void;
  readonly #made = new Map<string, Promise<string>>();

  constructor(folder: string, say: (progress: string) => void) {
    this.#folder = folder;
    this.#say = say;
  }

  /** So many events of 20 domains: the store's folder. */
  ofLives(events: number): Promise<string> {
    return this.#once(`lives-${events}`, () => lives(events - 1));
  }

  /** One domain, `web`, with so many snapshots. */
  ofSnapshots(count: number): Promise<string> {
    return this.#once(`snapshots-${count}`, () => new SnapshotHistory(count).events);
  }

  /** So many domains of one snapshot each. */
  ofDomains(count: number): Promise<string> {
    return this.#once(`domains-${count}`, () => fleet(count));
  }

  #once(name: string, events: () => Iterable<NewEvent>): Promise<string> {
    const made = this.#made.get(name) ?? this.#make(name, events());
    this.#made.set(name, made);
    return made;
  }

  async #make(name: string, events: Iterable<NewEvent>): Promise<string> {
    this.#say(`making the store ${name} ...`);
    const store = join(this.#folder, name);
    await fillStore(store, events);
    return store;
  }
}

/** Makes a store of these, and opens it once: what the first opening of a log has to prove is not to be measured. */
export async function fillStore(store: string, events: Iterable<NewEvent>): Promise<void> {
  await makeStore(store, async (folder) => {
    let head: LogHead | undefined;
    const noted = function* (): Generator<StoredRecord> {
      for (const stored of sealed(events)) {
        const { position, hash } = stored.record;
        const logId = stored.record.type === "LogCreated" ? stored.record.data.logId : (head?.logId ?? "");
        head = { logId, position, hash };
        yield stored;
      }
    };
    await writeLog(folder, noted());
    if (!head) throw new Error("a log has a first record");
    return head;
  });
  const connection = await connect({ store });
  await connection.domains();
  await connection.close();
}

export const logFolder = (store: string): string => storeLayout(store).log;
