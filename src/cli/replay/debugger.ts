import { SnapledgerError } from "../../errors.ts";
import type { Value } from "../../projections/condition/fields.ts";
import { parseCondition, parseExpression } from "../../projections/condition/parse.ts";
import type { Condition, Expression } from "../../projections/condition/parse.ts";
import type { Replay } from "../../projections/replay/replay.ts";
import { typeNamed } from "../input/log-options.ts";

/** What was watched, as text and as what it is now. */
export interface Watched {
  readonly expression: string;
  readonly value: Value;
}

export const commandHelp: readonly (readonly [command: string, what: string])[] = [
  ["next [N]", "apply the next event, or N of them"],
  ["back [N]", "take the last event back, or N of them"],
  ["jump POSITION | start | end", "to right after the record at this position"],
  ["run [CONDITION]", "to the next event after which the condition holds, or a breakpoint does"],
  ["break CONDITION", "a breakpoint for run; also as: type TYPE, rule CODE, domain NAME"],
  ["watch EXPRESSION", "show its value from now on: a field, or a condition"],
  ["clear", "forget all breakpoints and watches"],
  ["tree", "draw the tree"],
];

/** The commands that a replay understands, from keys on a terminal or from a script. */
export class Debugger {
  readonly player: Replay;
  readonly #watches: { text: string; expression: Expression }[] = [];
  #breakpoints: Condition[] = [];

  constructor(player: Replay) {
    this.player = player;
  }

  get watched(): Watched[] {
    return this.#watches.map(({ text, expression }) => ({ expression: text, value: this.player.valueOf(expression) }));
  }

  get breakpoints(): readonly string[] {
    return this.#breakpoints.map(({ text }) => text);
  }

  /** What there is to say about it; nothing when the new place says it all. USAGE, INVALID_CONDITION. */
  do(command: string): string | undefined {
    const [, verb = "", rest = ""] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(command) ?? [];
    switch (verb) {
      case "next":
        return this.#move(rest, command, 1);
      case "back":
        return this.#move(rest, command, -1);
      case "jump":
        this.#jump(rest, command);
        return undefined;
      case "run":
        return this.#run(rest, command);
      case "break":
        this.#breakpoints.push(breakpoint(rest));
        return `breakpoint: ${this.breakpoints.at(-1) ?? ""}`;
      case "watch":
        this.#watches.push({ text: rest, expression: parseExpression(rest) });
        return undefined;
      case "clear":
        this.#watches.length = 0;
        this.#breakpoints = [];
        return undefined;
      case "tree":
        return undefined;
      default:
        throw unknown(command);
    }
  }

  #move(rest: string, command: string, by: 1 | -1): string | undefined {
    const times = rest === "" ? 1 : Number(rest);
    if (!Number.isSafeInteger(times) || times < 1) throw unknown(command);
    const before = this.player.applied;
    this.player.goTo(before + by * times);
    return this.player.applied === before ? (by > 0 ? "this is the end" : "this is the start") : undefined;
  }

  #jump(rest: string, command: string): void {
    if (rest === "start") this.player.goTo(0);
    else if (rest === "end") this.player.goTo(Infinity);
    else if (/^\d{1,15}$/.test(rest)) this.player.jump(Number(rest));
    else throw unknown(command);
  }

  #run(rest: string, command: string): string | undefined {
    const conditions = rest === "" ? this.#breakpoints : [breakpoint(rest)];
    if (conditions.length === 0) throw unknown(`${command} without a condition or a breakpoint`);
    return this.player.run(conditions) ? undefined : "it does not hold after any event from here on";
  }
}

/** A condition, or the short forms for what is asked most. */
function breakpoint(text: string): Condition {
  const [, what, value = ""] = /^(type|rule|domain)\s+([^\s=!<>"]+)$/.exec(text) ?? [];
  if (what === "type") return parseCondition(`event.type == "${typeNamed(value)}"`);
  if (what === "rule") return parseCondition(`event.rule == ${JSON.stringify(value)}`);
  if (what === "domain") return parseCondition(`name == ${JSON.stringify(value)}`);
  return parseCondition(text);
}

function unknown(command: string): SnapledgerError {
  return new SnapledgerError("USAGE", `Replay does not understand: ${command.trim() || "an empty command"}`, {
    facts: { command },
    hint: `It understands: ${commandHelp.map(([form]) => form).join("; ")}.`,
  });
}
