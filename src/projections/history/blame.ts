import type { EventRecord } from "../../events/events.ts";
import type { SnapshotId } from "../../events/ids.ts";
import { createdIn, removedIn } from "./snapshot-history.ts";

/** For each snapshot that is there, the record that last gave it content: its creation, or a merge into it. */
export class Blame {
  readonly records = new Map<SnapshotId, EventRecord>();

  push(record: EventRecord): void {
    for (const { id } of createdIn(record)) this.records.set(id, record);
    for (const id of removedIn(record)) this.records.delete(id);
    if (record.type === "SnapshotMerged" && record.data.into) this.records.set(record.data.into.id, record);
  }
}
