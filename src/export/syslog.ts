import type { Exported, Weight } from "./exported.ts";
import { sentenceOf, weightOf } from "./exported.ts";

/** Log audit, RFC 5424, table 1. */
const facility = 13;
const severities: Readonly<Record<Weight, number>> = { routine: 6, refused: 4, destroyed: 5, failed: 3, damaged: 2 };

/** The enterprise number 32473 is the one that RFC 5612 keeps for those who have none. */
const structureId = "snapledger@32473";

/** One line as RFC 5424 has it: the sentence that the log prints, and beside it what programs look for. */
export function syslogLine(exported: Exported): string {
  const { record, logId, domain } = exported;
  const { actor, position, id, revision, operation, ticket, hash } = record;
  const priority = facility * 8 + severities[weightOf(record)];
  const data: readonly (readonly [name: string, value: string | number | null | undefined])[] = [
    ...[["log", logId] as const, ["position", position] as const, ["id", id] as const],
    ...[["domain", record.domain] as const, ["name", domain] as const, ["revision", revision] as const],
    ...[["operation", operation] as const, ["user", actor.user] as const, ["uid", actor.uid] as const],
    ...[["loginUid", actor.loginUid] as const, ["ticket", ticket] as const, ["hash", hash] as const],
  ];
  const parameters = data.flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [` ${name}="${parameter(String(value))}"`],
  );
  const host = /^[\x21-\x7e]{1,255}$/.test(actor.host) ? actor.host : "-";
  const header = `<${priority}>1 ${record.time} ${host} snapledger - ${record.type}`;
  return `${header} [${structureId}${parameters.join("")}] ${text(sentenceOf(exported))}`;
}

/** Control characters as receivers write them that get some in a line: `#` and three octal digits. */
function printable(value: string): string {
  return value.replace(/[\u0000-\u001f\u007f]/g, (character) => {
    return `#${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
}

function parameter(value: string): string {
  return printable(value).replace(/["\\\]]/g, (character) => `\\${character}`);
}

/** What is not ASCII must begin with a byte order mark, which says that it is UTF-8. */
function text(message: string): string {
  const safe = printable(message);
  return /^[\x20-\x7e]*$/.test(safe) ? safe : `\ufeff${safe}`;
}
