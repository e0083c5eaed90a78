import type { EventRecord } from "../../events/events.ts";
import type { DomainId } from "../../events/ids.ts";
import type { NameChange } from "../../connection/api.ts";
import { explain, explainOperation } from "../../projections/explain/explain.ts";
import { nameAt } from "../../projections/names.ts";
import { localTime } from "./time.ts";

/** Says records and operations in a line each, with the name that each domain had then. */
export class History {
  readonly #changes = new Map<DomainId, NameChange[]>();

  constructor(names: readonly NameChange[]) {
    for (const change of names) {
      const own = this.#changes.get(change.domain);
      if (own) own.push(change);
      else this.#changes.set(change.domain, [change]);
    }
  }

  /** undefined for the log's own records, and for a domain that was never defined to the end. */
  nameOf({ domain, position }: EventRecord): string | undefined {
    return domain === null ? undefined : nameAt(this.#changes.get(domain) ?? [], domain, position);
  }

  line(record: EventRecord): string {
    return lineOf([record], explain(record, this.#naming(record)));
  }

  /** One operation's records, oldest first. */
  operationLine(records: readonly EventRecord[]): string {
    const [first] = records;
    return lineOf(records, explainOperation(records, first ? this.#naming(first) : {}));
  }

  #naming(record: EventRecord): { domain?: string } {
    const domain = this.nameOf(record);
    return domain === undefined ? {} : { domain };
  }
}

/** `12-14  2026-11-25 14:03:09 +0000  …`: positions from first to last, the time of the last. */
function lineOf(records: readonly EventRecord[], said: string): string {
  const [first, last] = [records[0], records.at(-1)];
  if (!first || !last) return said;
  const positions = first === last ? String(first.position) : `${first.position}-${last.position}`;
  return `${positions.padStart(11)}  ${localTime(first.time)}  ${said}`;
}
