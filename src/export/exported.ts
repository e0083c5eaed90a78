import type { EventRecord } from "../events/events.ts";
import { explain } from "../projections/explain/explain.ts";

/** A record on its way to another tool. */
export interface Exported {
  readonly record: EventRecord;
  /** Exactly the stored line. */
  readonly line: string;
  readonly logId: string;
  /** The name that the record's domain had then, if it is known. */
  readonly domain: string | undefined;
  /** Of snapledger, for tools that ask what wrote it. */
  readonly version: string;
}

export function sentenceOf({ record, domain }: Exported): string {
  return explain(record, domain === undefined ? {} : { domain });
}

/** How much a record matters to somebody who watches: the formats have scales of their own. */
export type Weight = "routine" | "refused" | "destroyed" | "failed" | "damaged";

export function weightOf(record: EventRecord): Weight {
  switch (record.type) {
    case "CommandRejected":
      return "refused";
    case "OperationFailed":
      return "failed";
    case "LogSalvaged":
    case "LogRestored":
    case "LogRolledBack":
      return "damaged";
    case "SnapshotMerged":
    case "SnapshotDiscarded":
      return "destroyed";
    case "DomainUndefined":
    case "HeadsMoved":
    case "SnapshotDeactivated":
      return record.data.destroyed.length > 0 ? "destroyed" : "routine";
    default:
      return "routine";
  }
}
