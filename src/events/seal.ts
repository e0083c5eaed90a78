import { SnapledgerError } from "../errors.ts";
import type { EventRecord, EventType, NewEvent } from "./events.ts";
import type { EventId } from "./ids.ts";
import { damageHint } from "./damage.ts";
import { checkLimits, limitBytes, limits } from "./limits.ts";

/**
 * The stored form of a record: one line of JSON whose last 82 bytes are `,"hash":"sha256:<64 hex>"}`. The hash is over
 * all UTF-8 bytes before these. Stored bytes never change. Runs in a browser: the hash function is handed in.
 */

/** SHA-256 of a text's UTF-8 bytes, as 64 lower-case hex digits. */
export type Hash = (text: string) => string;

/** Length of `,"hash":"sha256:<64 hex>"}`: all ASCII, so it is the same in characters and in bytes. */
export const trailerLength = 82;
export const zeroHash = `sha256:${"0".repeat(64)}`;

/** The record that the next one follows. */
export interface Link {
  readonly position: number;
  readonly hash: string;
  readonly time: string;
}
export const beforeFirst: Link = { position: 0, hash: zeroHash, time: "" };

export interface Seal {
  readonly id: EventId;
  readonly previous: Link;
  /** null for an event of the log's own. */
  readonly revision: number | null;
  /** What the clock says: milliseconds since 1970 (UTC). */
  readonly now: number;
}

export interface Sealed {
  readonly record: EventRecord;
  readonly line: string;
}

/** Gives an event its place in the chain. Rejects with TOO_LARGE: `facts` hold what, bytes and limit. */
export function sealRecord(event: NewEvent, seal: Seal, hash: Hash): Sealed {
  checkLimits(event);
  const { previous } = seal;
  const said = isoTime(seal.now);
  const behind = said < previous.time;
  const sealed = {
    position: previous.position + 1,
    id: seal.id,
    domain: event.domain,
    revision: seal.revision,
    type: event.type,
    schema: event.schema,
    time: behind ? previous.time : said,
    actor: { ...event.actor },
    reason: event.reason,
    ticket: event.ticket,
    operation: event.operation,
    commandId: event.commandId,
    previousHash: previous.hash,
    // Left out of the text while undefined. Adding them by a spread afterwards would double the cost of sealing.
    data: undefined as unknown,
    hash: undefined as string | undefined,
  };
  const record = behind ? withClock(sealed, said) : sealed;
  const data = JSON.stringify(event.data);
  const text = stableText(`${JSON.stringify(record).slice(0, -1)},"data":${data}`);
  // A copy: what is given back is what will be read back, also when the caller changes its event.
  record.data = JSON.parse(data);
  record.hash = `sha256:${hash(text)}`;
  const line = `${text},"hash":"${record.hash}"}`;
  limitBytes("record", line, limits.recordBytes);
  return { record: record as EventRecord, line };
}

/** After the time, which is not what the clock said. Seldom: a spread in every record would cost as much as its hash. */
function withClock<R extends object>(record: R, clock: string): R {
  const fields = Object.entries(record).flatMap((field) => (field[0] === "time" ? [field, ["clock", clock]] : [field]));
  return Object.fromEntries(fields) as R;
}

let lastNow = NaN;
let lastIso = "";

/** Many records are of one millisecond, and the text of it costs as much as an eighth of sealing. */
function isoTime(now: number): string {
  if (now !== lastNow) [lastNow, lastIso] = [now, new Date(now).toISOString()];
  return lastIso;
}

/**
 * The bytes hashed must be the bytes stored. JSON.stringify escapes lone surrogates, which have no UTF-8; U+FFFD is
 * escaped here, so that one in a stored line can only mean bytes that were no UTF-8.
 */
function stableText(json: string): string {
  return json.includes("\ufffd") ? json.replaceAll("\ufffd", "\\ufffd") : json;
}

export type Checked = { readonly record: EventRecord; readonly why: null } | { readonly why: string };

/**
 * Proves one stored line: its hash, and that it follows `previous`, whose domain was at `revision` before (null for an
 * event of the log's own). `why` says what is wrong, or is null.
 */
export function checkLine(line: string, previous: Link, revision: number | null, hash: Hash): Checked {
  const broken = checkHash(line, hash);
  if (broken !== null) return { why: broken };
  const record = parseRecord(line);
  const why = checkLink(record, previous, revision);
  return why === null ? { record, why } : { why };
}

/** The hash alone; what is wrong, or null. */
export function checkHash(line: string, hash: Hash): string | null {
  if (line.includes("\ufffd")) return "its bytes are not UTF-8";
  const text = line.slice(0, -trailerLength);
  return line.endsWith(`,"hash":"sha256:${hash(text)}"}`) ? null : "its hash is not that of its bytes";
}

/** Position, link, time and revision; what is wrong, or null. */
export function checkLink(record: EventRecord, previous: Link, revision: number | null): string | null {
  if (record.position !== previous.position + 1)
    return `it says position ${record.position}, not ${previous.position + 1}`;
  if (record.previousHash !== previous.hash) return "its previousHash is not the hash of the record before it";
  if (record.time < previous.time) return "its time is before that of the record before it";
  const expected = revision === null ? null : revision + 1;
  if (record.revision !== expected) return `it says revision ${record.revision ?? "null"}, not ${expected ?? "null"}`;
  return null;
}

/** The newest schema of each type that this version can read. */
const schemas: Record<EventType, number> = {
  LogCreated: 1,
  LogSalvaged: 1,
  LogRolledBack: 1,
  LogRestored: 1,
  DomainDefined: 1,
  DomainUndefined: 1,
  DomainStarted: 1,
  DomainStopped: 1,
  DomainSuspended: 1,
  DomainResumed: 1,
  SnapshotCreated: 1,
  HeadsMoved: 1,
  SnapshotDeactivated: 1,
  SnapshotMerged: 1,
  SnapshotDiscarded: 1,
  FoldStarted: 1,
  LayersCompacted: 1,
  LayersRemoved: 1,
  OperationStarted: 1,
  OperationFailed: 1,
  CommandRejected: 1,
  EvidenceExported: 1,
};

/** Every type of event that this version knows. */
export const eventTypes: readonly EventType[] = Object.keys(schemas) as EventType[];

/** Turns the data of an old schema into that of the next, by `type:schema`. Stored bytes stay as they are. */
const upcasts: Readonly<Record<string, (data: unknown) => unknown>> = {};

/**
 * The record in a stored line, in today's schema; its hash is not checked. `at`: where the line was found, for the
 * error. Rejects with LOG_DAMAGED when it is no record at all, and STORE_FORMAT when it is one that a newer version wrote.
 */
export function parseRecord(line: string, at?: number): EventRecord {
  const record = parseEnvelope(line, at);
  const newest = Object.hasOwn(schemas, record.type) ? schemas[record.type] : undefined;
  const { schema } = record as { schema: number };
  if (newest === undefined || schema > newest) throw tooNew(record, `${record.type} of schema ${schema}`);
  if (record.type === "LogCreated") {
    const format: unknown = (record.data as Partial<typeof record.data> | null | undefined)?.format;
    if (format !== 1) throw tooNew(record, `log format ${JSON.stringify(format ?? null)}`);
  }
  return schema === newest ? record : upcast(record, newest);
}

/** What the next record is linked to; the rest of the line and its hash are not checked. LOG_DAMAGED as `parseRecord`. */
export function parseLink(line: string, at: number): Link {
  const { position, hash, time } = parseEnvelope(line, at);
  return { position, hash, time };
}

function parseEnvelope(line: string, at?: number): EventRecord {
  let value: unknown;
  let cause: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    cause = error;
  }
  if (typeof value === "object" && value !== null && typeof (value as EventRecord).position === "number")
    return value as EventRecord;
  const where = at === undefined ? "A line in the log" : `What is stored at position ${at} of the log`;
  throw new SnapledgerError("LOG_DAMAGED", `${where} is not a record.`, {
    facts: { position: at ?? null, why: "it is not a record" },
    hint: damageHint,
    cause,
  });
}

function upcast(record: EventRecord, newest: number): EventRecord {
  let { schema, data } = record as { schema: number; data: unknown };
  for (; schema < newest; schema++) {
    const step = upcasts[`${record.type}:${schema}`];
    if (!step) throw tooNew(record, `${record.type} of schema ${schema}`);
    data = step(data);
  }
  return { ...record, schema, data } as EventRecord;
}

function tooNew(record: EventRecord, what: string): SnapledgerError {
  return new SnapledgerError(
    "STORE_FORMAT",
    `Position ${record.position} holds ${what}, which this version can't read.`,
    {
      facts: { position: record.position, type: record.type },
      hint: "Use the version of snapledger that wrote this store, or a newer one.",
    },
  );
}
