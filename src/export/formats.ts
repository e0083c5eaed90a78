import { cloudEvent } from "./cloudevents.ts";
import type { Exported } from "./exported.ts";
import { ocsfEvent } from "./ocsf.ts";
import { syslogLine } from "./syslog.ts";

/** Each makes one line of a record, always the same one. */
export const formats = {
  ndjson: ({ line }: Exported) => line,
  cloudevents: cloudEvent,
  ocsf: ocsfEvent,
  syslog: syslogLine,
} as const;

export type Format = keyof typeof formats;
