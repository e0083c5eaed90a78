import type { CommandId, DomainId } from "./ids.ts";
import type { EventRecord, NewEvent } from "./events.ts";

/** The end of a log: `position` 0 and the zero hash when it is empty. */
export interface LogHead {
  readonly logId: string;
  readonly position: number;
  /** `sha256:` and 64 hex digits. */
  readonly hash: string;
}

export interface AppendOptions {
  /** The revision the events' domain must be at; else REVISION_CONFLICT and nothing is appended. 0: no event yet. */
  readonly expectedRevision?: number;
  /** The position the whole log must be at: for rules that look across domains. */
  readonly expectedPosition?: number;
}

/** A record with the exact line that is stored for it (no newline at its end). */
export interface StoredRecord {
  readonly record: EventRecord;
  readonly line: string;
}

/**
 * An append-only sequence of records. Positions start at 1 and have no gaps; so do each domain's revisions.
 * One suite (test/suites/event-log.ts) runs against every implementation.
 */
export interface EventLog {
  /**
   * Appends all events or none, durably, and resolves with their records once they are on disk. All events of one
   * call belong to one domain, or to the log itself. Checks `expected…` against the tail of its queue, so that calls
   * may overlap; a batch that fails rejects every append queued behind it. Without events it resolves once all that was
   * appended before is on disk. Rejects with REVISION_CONFLICT, TOO_LARGE, LOG_UNWRITABLE.
   */
  append(events: readonly NewEvent[], options?: AppendOptions): Promise<readonly EventRecord[]>;
  /** Records in position order, `from` inclusive (default 1), `to` exclusive (default: the head at the call). */
  read(range?: { readonly from?: number; readonly to?: number }): AsyncIterable<StoredRecord>;
  /** One domain's records in revision order, `fromRevision` inclusive (default 1), up to log position `upTo` inclusive. */
  readDomain(
    domain: DomainId,
    range?: { readonly fromRevision?: number; readonly upTo?: number },
  ): AsyncIterable<StoredRecord>;
  /** The first record that carries this command id, if any. */
  findCommand(commandId: CommandId): Promise<EventRecord | undefined>;
  /** The domain's newest revision; 0 if it has no events. */
  revision(domain: DomainId): Promise<number>;
  head(): Promise<LogHead>;
  close(): Promise<void>;
}

/**
 * Lends the log for as long as the callback runs and no longer: a driver step, a wait or a
 * question never holds the database. Rejects with LOG_BUSY, STORE_NOT_FOUND, LOG_DAMAGED.
 */
export interface LogAccess {
  use<T>(work: (log: EventLog) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
