import type { Exported } from "./exported.ts";

/**
 * One CloudEvent 1.0 in its JSON form, on one line. `data` is the stored line as it is; `sequence` (an extension that
 * CloudEvents documents) sorts by position. The same record always gives the same id and source: receivers may drop it.
 */
export function cloudEvent({ record, line, logId }: Exported): string {
  const context = {
    specversion: "1.0",
    id: record.id,
    source: `urn:uuid:${logId}`,
    type: `snapledger.${record.type}`,
    ...(record.domain === null ? {} : { subject: record.domain }),
    time: record.time,
    datacontenttype: "application/json",
    sequence: String(record.position).padStart(16, "0"),
  };
  return `${JSON.stringify(context).slice(0, -1)},"data":${line}}`;
}
