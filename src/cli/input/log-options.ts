import { SnapledgerError } from "../../errors.ts";
import type { EventType } from "../../events/events.ts";
import { eventTypes } from "../../events/seal.ts";
import type { ReadRange } from "../../connection/api.ts";
import type { LogFilter } from "../../projections/history/log-filter.ts";
import type { Input } from "./input.ts";
import { wholeNumber } from "./input.ts";
import { momentGiven, positionOf } from "./moment.ts";
import { nearest } from "./nearest.ts";
import type { Cli } from "../verb.ts";

export const logOptions = [
  ["--from <position>", "the first position"],
  ["--to <position>", "the position to stop before"],
  ["--since <time|position>", "nothing before this"],
  ["--until <time|position>", "nothing after this"],
  ["--type <type>", "only events of this type, such as SnapshotMerged (may be given again)", "repeat"],
  ["--actor <user>", "only what this user did: a name or a number, also the one behind sudo"],
  ["--ticket <id>", "only what was done for this ticket"],
  ["--operation <id>", "only this operation: its id or the start of it"],
  ["--rejected", "only refusals"],
  ["--grep <text>", "only what holds this text, in capitals or not: in its sentence or anywhere in the record"],
  ["--limit <n>", "stop after so many lines"],
  ["--reverse", "the newest first"],
  ["--records", "a line for each record, not for each operation"],
  ["--follow", "go on with what is appended, until Ctrl-C"],
] as const;

export function filterFrom(input: Input): LogFilter {
  const [actor, ticket, operation] = [input.value("actor"), input.value("ticket"), input.value("operation")];
  const grep = input.value("grep");
  return {
    types: input.values("type").map(typeNamed),
    rejected: input.has("rejected"),
    ...(actor === undefined ? {} : { actor }),
    ...(ticket === undefined ? {} : { ticket }),
    ...(operation === undefined ? {} : { operation }),
    ...(grep === undefined ? {} : { grep }),
  };
}

/** USAGE for what no event is called; capitals do not matter. */
export function typeNamed(text: string): EventType {
  const type = eventTypes.find((one) => one.toLowerCase() === text.toLowerCase());
  if (type) return type;
  const near = nearest(text, eventTypes);
  throw new SnapledgerError("USAGE", `There is no event of type "${text}".`, {
    hint: near === undefined ? `There are: ${eventTypes.join(", ")}.` : `Did you mean ${near}?`,
  });
}

export async function rangeFrom(cli: Cli): Promise<ReadRange> {
  const { input } = cli;
  input.oneOf(["from", "since"]);
  input.oneOf(["to", "until"]);
  const [domain, from, to] = [input.optional(0), input.value("from"), input.value("to")];
  const [since, until] = [input.value("since"), input.value("until")];
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(from === undefined ? {} : { from: wholeNumber(from, 1, "--from") }),
    ...(to === undefined ? {} : { to: wholeNumber(to, 1, "--to") }),
    ...(since === undefined ? {} : { from: await firstSince(cli, since) }),
    ...(until === undefined ? {} : { to: (await positionOf(cli, until, "--until")) + 1 }),
    ...(input.has("reverse") ? { reverse: true } : {}),
  };
}

/** The first position that is not before the moment: the one after the last that is. */
async function firstSince(cli: Cli, text: string): Promise<number> {
  const moment = momentGiven(cli, text, "--since");
  if ("position" in moment) return moment.position;
  const connection = await cli.connection();
  const { record } = await connection.record(1);
  if (moment.time <= record.time) return 1;
  return (await connection.positionAt(new Date(Date.parse(moment.time) - 1).toISOString())) + 1;
}
