import { SnapledgerError } from "../errors.ts";
import type { EventRecord, NewEvent } from "./events.ts";
import type { Clock, DomainId, NewId } from "./ids.ts";
import type { AppendOptions } from "./log.ts";
import { sealRecord, type Hash, type Link, type Sealed } from "./seal.ts";

/** Records that reach the disk together. They are added as they are sealed, while the group before is being written. */
export interface Group {
  add(sealed: Sealed): void;
  /** Resolves when all of it is durable; nothing else is written meanwhile. */
  write(): Promise<void>;
}

export interface QueueParts {
  readonly clock: Clock;
  readonly newId: NewId;
  readonly hash: Hash;
  newGroup(): Group;
  /** What the store holds; asked once per domain. */
  revisionOf(domain: DomainId): Promise<number>;
}

/** A group is closed at either; the next append opens another. One append has at most as many events. */
const groupRecords = 1000;
/** What the last append adds to a group that was still open. */
export const mostInGroup = 2 * groupRecords - 1;
const groupCharacters = 8 * 1024 * 1024;

interface Waiter {
  readonly records: readonly EventRecord[];
  readonly resolve: (records: readonly EventRecord[]) => void;
  readonly reject: (error: unknown) => void;
}
interface OpenGroup {
  readonly group: Group;
  readonly waiters: Waiter[];
  last: Link;
  records: number;
  characters: number;
}

/**
 * Sealing and group commit, for both logs. An append is checked against the queue's tail, sealed and encoded when it
 * is queued; while one group is on its way to the disk, the appends that arrive gather in the next. No timer is involved.
 * A group that fails rejects everything behind it, and nothing is written any more: what it left on disk is unknown.
 */
export class AppendQueue {
  readonly #parts: QueueParts;
  readonly #revisions = new Map<DomainId, number>();
  readonly #groups: OpenGroup[] = [];
  /** The last record sealed. */
  #tail: Link;
  /** The last record known to be on disk. */
  #durable: Link;
  #turn: Promise<unknown> = Promise.resolve();
  /** Appends that wait for `#turn`. */
  #lookups = 0;
  #scheduled = false;
  #writing: Promise<void> | undefined;
  #broken: SnapledgerError | undefined;

  constructor(tail: Link, parts: QueueParts) {
    this.#tail = tail;
    this.#durable = tail;
    this.#parts = parts;
  }

  get durable(): Link {
    return this.#durable;
  }

  /** As EventLog.append. Calls are decided in the order they were made, also while a revision is being looked up. */
  append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<readonly EventRecord[]> {
    const domain = events[0]?.domain ?? null;
    const known = domain === null ? null : this.#revisions.get(domain);
    // Each turn of the microtask queue costs: at 64 callers a tenth of all.
    if (this.#lookups === 0 && known !== undefined) return promised(() => this.#decide(events, options, known));
    return this.#decideInTurn(events, options, domain);
  }

  /** Stops taking appends, and resolves when those already taken are written or have failed. */
  async drain(): Promise<void> {
    await this.#turn;
    while (this.#groups.length > 0 || this.#writing) await (this.#writing ?? endOfTurn());
    this.#broken ??= closed();
  }

  /** A revision has to be looked up, for this append or one before it. */
  #decideInTurn(events: readonly NewEvent[], options: AppendOptions, domain: DomainId | null): Waiting {
    this.#lookups += 1;
    // Wrapped, since a bare promise would be waited for, and the next append with it.
    const decided = this.#turn.then(async () => {
      const revision = domain === null ? null : (this.#revisions.get(domain) ?? (await this.#load(domain)));
      return { written: this.#decide(events, options, revision) };
    });
    const ended = () => {
      this.#lookups -= 1;
    };
    this.#turn = decided.then(ended, ended);
    return decided.then(({ written }) => written);
  }

  #decide(events: readonly NewEvent[], options: AppendOptions, revision: number | null): Waiting {
    const domain = events[0]?.domain ?? null;
    if (events.some((event) => event.domain !== domain))
      throw new SnapledgerError("USAGE", "Events of one append must belong to one domain.");
    if (events.length > groupRecords)
      throw new SnapledgerError("TOO_LARGE", `One append has at most ${groupRecords} events.`, {
        facts: { field: "events", count: events.length, limit: groupRecords },
      });
    if (this.#broken) throw this.#broken;
    expect("position", options.expectedPosition, this.#tail.position);
    expect("revision", options.expectedRevision, revision ?? 0);
    if (events.length === 0) return this.#settled();
    return this.#enqueue(this.#seal(events, revision));
  }

  /** Nothing of its own to write: it is on disk when all that was taken before it is. */
  #settled(): Waiting {
    const last = this.#groups.at(-1);
    if (last) return new Promise((resolve, reject) => last.waiters.push({ records: [], resolve, reject }));
    return (this.#writing ?? Promise.resolve()).then(() => {
      if (this.#broken) throw this.#broken;
      return [];
    });
  }

  async #load(domain: DomainId): Promise<number> {
    const revision = await this.#parts.revisionOf(domain);
    this.#revisions.set(domain, revision);
    return revision;
  }

  /** Changes nothing of the queue, so that an event that can't be sealed leaves no trace. */
  #seal(events: readonly NewEvent[], revision: number | null): Sealed[] {
    const { clock, newId, hash } = this.#parts;
    let previous = this.#tail;
    return events.map((event, index) => {
      const next = revision === null ? null : revision + 1 + index;
      const sealed = sealRecord(event, { id: newId(), previous, revision: next, now: clock() }, hash);
      previous = sealed.record;
      return sealed;
    });
  }

  #enqueue(sealed: readonly Sealed[]): Waiting {
    const open = this.#openGroup();
    for (const one of sealed) {
      open.group.add(one);
      open.records += 1;
      open.characters += one.line.length;
      this.#tail = open.last = linkOf(one.record);
      if (one.record.domain !== null) this.#revisions.set(one.record.domain, one.record.revision ?? 0);
    }
    const records = sealed.map(({ record }) => record);
    const written = new Promise<readonly EventRecord[]>((resolve, reject) => {
      open.waiters.push({ records, resolve, reject });
    });
    this.#schedule();
    return written;
  }

  #openGroup(): OpenGroup {
    const last = this.#groups.at(-1);
    if (last && last.records < groupRecords && last.characters < groupCharacters) return last;
    const open = { group: this.#parts.newGroup(), waiters: [], last: this.#tail, records: 0, characters: 0 };
    this.#groups.push(open);
    return open;
  }

  /** Those that call in the same turn of the event loop share a group. */
  #schedule(): void {
    if (this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#writing) this.#writeNext();
    });
  }

  #writeNext(): void {
    const next = this.#groups.shift();
    if (next) this.#writing = this.#write(next);
  }

  async #write(open: OpenGroup): Promise<void> {
    try {
      await open.group.write();
      this.#durable = open.last;
    } catch (cause) {
      this.#broken = unwritable(cause, this.#durable.position);
    }
    this.#writing = undefined;
    if (this.#broken) {
      this.#rejectAll([open, ...this.#groups.splice(0)], this.#broken);
      return;
    }
    // The next group first, then the answers: what their callers append now is sealed while the disk is busy.
    this.#writeNext();
    for (const { records, resolve } of open.waiters) resolve(records);
  }

  #rejectAll(groups: readonly OpenGroup[], error: SnapledgerError): void {
    for (const { waiters } of groups) for (const { reject } of waiters) reject(error);
  }
}

/** Rejects with what `work` throws. */
function promised<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is passed on as it was thrown
    return Promise.reject(error);
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

type Waiting = Promise<readonly EventRecord[]>;

function linkOf({ position, hash, time }: EventRecord): Link {
  return { position, hash, time };
}

function expect(what: "position" | "revision", expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new SnapledgerError("REVISION_CONFLICT", `Expected ${what} ${expected}, but it is ${actual}.`, {
    facts: { what, expected, actual },
    hint: "Something else was recorded meanwhile: look at it, then try again.",
  });
}

function unwritable(cause: unknown, durable: number): SnapledgerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SnapledgerError("LOG_UNWRITABLE", `The log could not be written: ${why}`, {
    facts: { why, durablePosition: durable },
    hint: `Up to position ${durable} all is on disk; what came after may be there or not. Free space or repair the disk, open the store again and look before repeating the command.`,
    cause,
  });
}

function closed(): SnapledgerError {
  return new SnapledgerError("LOG_UNWRITABLE", "The log is closed.");
}
