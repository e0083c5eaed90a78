import type { EventRecord } from "../events/events.ts";
import { explain } from "../projections/explain.ts";
import { localTime } from "./time.ts";

/**
 * Says records one after the other, in position order, with the name that each record's domain had then. `names` are
 * those known from elsewhere, by domain id, for records whose definition is not among those said.
 */
export class History {
  readonly #names: Map<string, string>;

  constructor(names: Iterable<readonly [id: string, name: string]> = []) {
    this.#names = new Map(names);
  }

  line(record: EventRecord): string {
    if (record.type === "DomainDefined" && record.domain !== null) this.#names.set(record.domain, record.data.name);
    const domain = record.domain === null ? undefined : this.#names.get(record.domain);
    const said = explain(record, domain === undefined ? {} : { domain });
    return `${String(record.position).padStart(6)}  ${localTime(record.time)}  ${said}`;
  }
}
