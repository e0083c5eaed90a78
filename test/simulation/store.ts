import type { EventRecord } from "../../src/events/events.ts";
import type { Clock, NewId } from "../../src/events/ids.ts";
import type { EventLog } from "../../src/events/log.ts";

/** A store that outlives processes, and how its disk treats them. */
export interface SimulatedStore {
  /** The log, opened once until the machine or the server is restarted. */
  log(): Promise<EventLog>;
  /** Every process that had it open is gone: `power` takes with it what was not synced. */
  restart(power: boolean): void;
  /** What an honest reader finds in it: every line. */
  lines(): Promise<readonly string[]>;
  /**
   * The disk said that it kept what it did not: the last records, or a bit of one, are gone. Returns the last position
   * that is left. Stores that cannot are left out.
   */
  betray?(of: "tail" | "bit"): number;
}

export interface StoreParts {
  readonly clock: Clock;
  readonly newId: NewId;
  readonly logId: string;
  /** Waits, and may throw: nothing of the group is written. */
  readonly beforeWrite: () => Promise<void>;
  /** The records are in the log; what it throws, or a crash, keeps their writers from hearing of it. */
  readonly written: (records: readonly EventRecord[]) => void;
}
