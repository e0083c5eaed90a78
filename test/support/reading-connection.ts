import { EventEmitter } from "eventemitter3";
import { nothingCached, readDirectory, readDomainState, readFiles } from "../../src/queries/cache/cached-states.ts";
import type { CachedStates } from "../../src/queries/cache/cache.ts";
import { connectionOn, type ConnectionContext } from "../../src/connection/connection.ts";
import type { EventLog } from "../../src/events/log.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import type { Connection } from "../../src/connection/api.ts";

/** A face over a log that is only read: nothing drives files. */
export function readingConnection(log: EventLog, checkpoints: CachedStates = nothingCached): Connection {
  const context: ConnectionContext = {
    log: { use: (work) => work(log), close: () => log.close() },
    states: {
      domain: (open, id, at) => readDomainState(open, id, checkpoints, at),
      directory: (open) => readDirectory(open, checkpoints),
      files: (open) => readFiles(open, checkpoints),
    },
    ...{ clock: () => 0, newId: () => "", waitMs: 0, layersRoot: "/layers", appended: () => undefined },
  };
  const changing = () => Promise.reject(new Error("reading changes nothing"));
  return connectionOn(context, changing, { store: "/store" }, new EventEmitter());
}

/** A log in RAM that holds these lines, and its face. */
export function connectionTo(lines: readonly string[], checkpoints?: CachedStates): Connection {
  const log = memoryEventLog({ clock: () => 0, newId: () => "", disk: [...lines] });
  return readingConnection(log, checkpoints);
}
