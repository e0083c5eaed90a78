import { SnapledgerError } from "../../errors.ts";
import type { AsOf } from "../../connection/api.ts";
import { wholeNumber } from "./input.ts";
import { readTime, timeExamples } from "./times/grammar.ts";
import type { Here } from "./times/grammar.ts";
import type { TimeNotice, Understood } from "./times/local.ts";
import { machineClock } from "./times/wall-clock.ts";
import type { Cli } from "../verb.ts";

/** A time as records have it: ISO 8601 UTC with milliseconds. */
export interface Time {
  readonly time: string;
  readonly notice?: TimeNotice;
}

/** A point in the log as a person gives it. */
export type Moment = { readonly position: number } | Time;

/** For a verb's `options`. */
export const atOption = ["--at <time|position>", "as it was then: after this record, or at this time"] as const;

/** `42` is a position, everything else a time (see `readTime`). USAGE when it is neither; `what` is how it is called. */
export function momentFrom(text: string, what: string, here: Here, options: { readonly whole?: boolean } = {}): Moment {
  if (/^\d+$/.test(text)) return { position: wholeNumber(text, 1, what) };
  const read = readTime(text, here, options);
  if ("wrong" in read)
    throw noMoment(text, `${what} takes a position or a time`, read.wrong ?? `Such as 42, ${timeExamples}.`);
  return timeAt(read);
}

function timeFrom(text: string, what: string, here: Here): Time {
  const read = readTime(text, here);
  if ("wrong" in read) throw noMoment(text, `${what} takes a time`, read.wrong ?? `Such as ${timeExamples}.`);
  return timeAt(read);
}

function noMoment(text: string, takes: string, hint: string): SnapledgerError {
  return new SnapledgerError("USAGE", `${takes}, not "${text}".`, { hint });
}

function timeAt({ instant, ...notice }: Understood): Time {
  return { time: new Date(instant).toISOString(), ...notice };
}

/** The time that an option has, where no position will do; null when it is not given. USAGE. */
export function timeOption(cli: Cli, option: string): string | null {
  const text = cli.input.value(option);
  return text === undefined ? null : noted(cli, timeFrom(text, `--${option}`, here(cli))).time;
}

/** The moment that was given; what there is to know about it has been said. USAGE. */
export function momentGiven(cli: Cli, text: string, what: string, options: { readonly whole?: boolean } = {}): Moment {
  return noted(cli, momentFrom(text, what, here(cli), options));
}

function here({ now }: Cli): Here {
  return { now, clock: machineClock };
}

function noted<Given extends Moment>(cli: Cli, moment: Given): Given {
  if ("notice" in moment) cli.warn(moment.notice);
  return moment;
}

/** What `--at` asks for; nothing when it is not given. USAGE, POSITION_NOT_FOUND. */
export function asOf(cli: Cli): Promise<AsOf> {
  const known = answers.get(cli);
  if (known) return known;
  const text = cli.input.value("at");
  const answer = text === undefined ? Promise.resolve({}) : positionOf(cli, text, "--at").then((at) => ({ at }));
  answers.set(cli, answer);
  return answer;
}

/** A verb asks several times: all that it shows is of one position, and a warning is said once. */
const answers = new WeakMap<Cli, Promise<AsOf>>();

/** The position that a moment is right after. */
export async function positionOf(cli: Cli, text: string, what: string): Promise<number> {
  const moment = momentGiven(cli, text, what, { whole: true });
  return "position" in moment ? moment.position : (await cli.connection()).positionAt(moment.time);
}
