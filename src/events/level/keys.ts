import type { EventRecord } from "../events.ts";
import type { CommandId, DomainId } from "../ids.ts";

/**
 * What is where in the database. Record: 16 digits of its position. Indexes, whose value is such a key: `d`, the
 * domain as a JSON string, 16 digits of the revision; `c`, the command id as a JSON string, 16 digits of the position
 * (one command appends several records). JSON strings end where they end, so no id can run into another's keys.
 */
const digits = (number: number): string => String(number).padStart(16, "0");
/** Sorts after every digit. */
const afterDigits = ":";

export const recordKey = (position: number): string => digits(position);
export const positionOf = (key: string): number => Number(key);

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

/** `from` inclusive, `to` exclusive (default: all that follow). */
export function recordKeys(from: number, to?: number): KeyRange {
  return { gte: digits(from), lt: to === undefined ? afterDigits : digits(to) };
}

/** One domain's index entries, in revision order. */
export function domainKeys(domain: DomainId, fromRevision = 1): KeyRange {
  const prefix = `d${JSON.stringify(domain)}`;
  return { gte: prefix + digits(fromRevision), lt: prefix + afterDigits };
}

/** One command's index entries, oldest record first. */
export function commandKeys(commandId: CommandId): KeyRange {
  const prefix = `c${JSON.stringify(commandId)}`;
  return { gte: prefix, lt: prefix + afterDigits };
}

/** The entries that lead to a record, whose own key is their value. */
export function indexKeys({ domain, revision, commandId }: EventRecord, key: string): string[] {
  const keys: string[] = [];
  if (domain !== null && revision !== null) keys.push(`d${JSON.stringify(domain)}${digits(revision)}`);
  if (commandId !== null) keys.push(`c${JSON.stringify(commandId)}${key}`);
  return keys;
}
