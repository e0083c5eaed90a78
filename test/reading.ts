import { EventEmitter } from "eventemitter3";
import { noCheckpoints, readDirectory, readDomainState } from "../src/checkpoints.ts";
import type { Checkpoints } from "../src/checkpoints.ts";
import { memoryLocks } from "../src/commands/locks.ts";
import { connectionOn } from "../src/connection.ts";
import type { EventLog } from "../src/events/log.ts";
import { memoryEventLog } from "../src/events/memory-log.ts";
import type { Connection } from "../src/face.ts";

/** A face over a log that is only read: nothing drives files. */
export function readingConnection(log: EventLog, checkpoints: Checkpoints = noCheckpoints): Connection {
  const stage = {
    ...{ log: { use: <T>(work: (open: EventLog) => Promise<T>) => work(log), close: () => log.close() } },
    states: {
      domain: (open: EventLog, id: string, at?: { upTo?: number }) => readDomainState(open, id, checkpoints, at),
      directory: (open: EventLog) => readDirectory(open, checkpoints),
    },
    ...{ locks: memoryLocks(), clock: () => 0, newId: () => "", waitMs: 0, layersRoot: "/layers" },
    driver: () => {
      throw new Error("reading drives nothing");
    },
    doorbell: () => undefined,
  };
  return connectionOn(stage, { store: "/store" }, new EventEmitter());
}

/** A log in RAM that holds these lines, and its face. */
export function connectionTo(lines: readonly string[], checkpoints?: Checkpoints): Connection {
  const log = memoryEventLog({ clock: () => 0, newId: () => "", disk: [...lines] });
  return readingConnection(log, checkpoints);
}
