import type { EventRecord } from "../../events/events.ts";
import type { DomainId, SnapshotId } from "../../events/ids.ts";
import type { StoredRecord } from "../../events/log.ts";
import type { NewSnapshot } from "../../events/records.ts";

/** One snapshot's life. Names are reused, ids never: one name may have had several lives. */
export interface Lifetime {
  readonly snapshot: SnapshotId;
  readonly domain: DomainId;
  /** Where it came into being. */
  readonly from: number;
  /** Where it was merged away or discarded; null while it is there. */
  to: number | null;
  /** Everything that tells of it, the refusals that named it among them. */
  readonly records: EventRecord[];
}

/** Every life of one snapshot name in a domain, from its records in order. */
export class SnapshotHistory {
  readonly lives: Lifetime[] = [];
  /** Refusals that named it when there was none of this name. */
  readonly outside: EventRecord[] = [];
  readonly #name: string;
  #started: EventRecord | undefined;
  #ending: Lifetime | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  push({ record, line }: StoredRecord): void {
    if (record.type === "OperationStarted") this.#started = record;
    const last = this.lives.at(-1);
    const living = last?.to === null ? last : undefined;
    const born = createdIn(record).find(({ name }) => name === this.#name);
    if (born && record.domain !== null) this.#begin(born.id, record.domain, record);
    else if (living && (line.includes(living.snapshot) || refuses(record, this.#name))) this.#tell(living, record);
    else if (this.#ending && record.operation === this.#ending.records.at(-1)?.operation)
      this.#ending.records.push(record);
    else if (refuses(record, this.#name)) this.outside.push(record);
  }

  #begin(snapshot: SnapshotId, domain: DomainId, record: EventRecord): void {
    const started = this.#started;
    this.lives.push({
      snapshot,
      domain,
      from: record.position,
      to: null,
      records: [...(started?.operation === record.operation ? [started] : []), record],
    });
    this.#ending = undefined;
  }

  #tell(life: Lifetime, record: EventRecord): void {
    life.records.push(record);
    if (!removedIn(record).includes(life.snapshot)) return;
    life.to = record.position;
    this.#ending = life;
  }
}

/** Snapshots that came into being with a record. */
export function createdIn(record: EventRecord): readonly NewSnapshot[] {
  switch (record.type) {
    case "SnapshotCreated":
      return [record.data.snapshot];
    case "HeadsMoved":
    case "SnapshotDeactivated":
      return record.data.autosave ? [record.data.autosave] : [];
    default:
      return [];
  }
}

/** Snapshots that are gone with a record. */
export function removedIn(record: EventRecord): readonly SnapshotId[] {
  switch (record.type) {
    case "SnapshotMerged":
      return [record.data.snapshot, ...record.data.discarded].map(({ id }) => id);
    case "SnapshotDiscarded":
    case "DomainUndefined":
      return record.data.discarded.map(({ id }) => id);
    default:
      return [];
  }
}

function refuses(record: EventRecord, name: string): boolean {
  if (record.type !== "CommandRejected") return false;
  const { command } = record.data;
  return "snapshot" in command ? command.snapshot === name : command.type === "CreateSnapshot" && command.name === name;
}
