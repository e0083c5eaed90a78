import { eventFields, snapshotFields, stateFields } from "./fields.ts";
import type { Kind, Scope, Value } from "./fields.ts";
import { invalid } from "./invalid.ts";
import { tokensOf } from "./tokens.ts";
import type { Token } from "./tokens.ts";

/**
 * A question about a domain's state and the event that led to it, such as `current == "db" and snapshots.count > 10`.
 * A grammar of its own, parsed here and never run as code:
 *
 *     or      := and ("or" and)*
 *     and     := not ("and" not)*
 *     not     := "not" not | compare
 *     compare := value (("==" | "!=" | "<" | "<=" | ">" | ">=" | "contains") value)?
 *     value   := "text" | 12 | 3 GiB | true | false | null | field | snapshot("name")[.field] | "(" or ")"
 */
export interface Expression {
  readonly kind: Kind;
  /** true: it asks about the event, which only a replay has. */
  readonly ofEvent: boolean;
  readonly valueOf: (scope: Scope) => Value;
}

export interface Condition {
  readonly text: string;
  readonly ofEvent: boolean;
  readonly holds: (scope: Scope) => boolean;
}

/** INVALID_CONDITION, with the column. */
export function parseCondition(text: string): Condition {
  const { kind, ofEvent, valueOf } = parseExpression(text);
  if (kind !== "flag") throw invalid(text, 0, `this is ${kinds[kind]}, nothing that holds or not: compare it`);
  return { text, ofEvent, holds: (scope) => valueOf(scope) === true };
}

/** INVALID_CONDITION, with the column. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(text);
  return parser.whole();
}

const kinds: Readonly<Record<Kind, string>> = {
  ...{ text: "a text", number: "a number", flag: "a yes or no", list: "a list of names", nothing: "null" },
};

const comparisons = new Set(["==", "!=", "<", "<=", ">", ">=", "contains"]);
const deepest = 50;

class Parser {
  readonly #text: string;
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  whole(): Expression {
    const expression = this.#or();
    const rest = this.#peek();
    if (rest.is !== "end") throw this.#wrong(rest, `nothing more is expected here, but there is ${shown(rest)}`);
    return expression;
  }

  #or(): Expression {
    if (++this.#depth > deepest) throw this.#wrong(this.#peek(), `it is nested more than ${deepest} deep`);
    let left = this.#and();
    while (this.#takes("or", "||")) left = this.#both(left, this.#and(), (a, b) => a || b);
    this.#depth--;
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#takes("and", "&&")) left = this.#both(left, this.#not(), (a, b) => a && b);
    return left;
  }

  #both(left: Expression, right: Expression, join: (a: boolean, b: boolean) => boolean): Expression {
    const at = this.#tokens[this.#next - 1] ?? this.#peek();
    for (const { kind } of [left, right]) {
      if (kind !== "flag")
        throw this.#wrong(at, `"and" and "or" join what holds or not, but before here is ${kinds[kind]}`);
    }
    const valueOf = (scope: Scope) => join(left.valueOf(scope) === true, right.valueOf(scope) === true);
    return { kind: "flag", ofEvent: left.ofEvent || right.ofEvent, valueOf };
  }

  #not(): Expression {
    const at = this.#peek();
    if (!this.#takes("not", "!")) return this.#compare();
    if (++this.#depth > deepest) throw this.#wrong(at, `it is nested more than ${deepest} deep`);
    const inner = this.#not();
    this.#depth--;
    if (inner.kind !== "flag") throw this.#wrong(at, `"not" turns what holds or not around, not ${kinds[inner.kind]}`);
    return { ...inner, valueOf: (scope) => inner.valueOf(scope) !== true };
  }

  #compare(): Expression {
    const left = this.#value();
    const sign = this.#peek();
    if (sign.is === "text" || sign.is === "number" || !comparisons.has(sign.value)) return left;
    this.#next++;
    const right = this.#value();
    const why = mismatch(left.kind, sign.value, right.kind);
    if (why !== null) throw this.#wrong(sign, why);
    const valueOf = (scope: Scope) => compared(left.valueOf(scope), sign.value, right.valueOf(scope));
    return { kind: "flag", ofEvent: left.ofEvent || right.ofEvent, valueOf };
  }

  #value(): Expression {
    const token = this.#peek();
    this.#next++;
    if (token.is === "text" || token.is === "number") return constant(token.is, token.value);
    if (token.is === "word") return this.#named(token);
    if (token.value !== "(") {
      throw this.#wrong(token, `a value is expected here${token.is === "end" ? "" : `, not ${shown(token)}`}`);
    }
    const inner = this.#or();
    this.#expect(")");
    return inner;
  }

  #named(token: Token): Expression {
    if (token.value === "true" || token.value === "false") return constant("flag", token.value === "true");
    if (token.value === "null") return constant("nothing", null);
    if (token.value === "snapshot") return this.#snapshot();
    const name = this.#takes(".") ? `${token.value}.${this.#word()}` : String(token.value);
    const ofState = stateFields.get(name);
    if (ofState) return { kind: ofState.kind, ofEvent: false, valueOf: ({ state }) => ofState.of(state) };
    const ofEvent = eventFields.get(name);
    if (!ofEvent) throw this.#wrong(token, `there is no "${name}"; there are ${fieldNames().join(", ")}`);
    return { kind: ofEvent.kind, ofEvent: true, valueOf: ({ event }) => event && ofEvent.of(event) };
  }

  /** `snapshot("name")` by itself says whether there is one. */
  #snapshot(): Expression {
    this.#expect("(");
    const name = this.#peek();
    if (name.is !== "text") throw this.#wrong(name, 'a name in quotes is expected here, as in snapshot("db")');
    this.#next++;
    this.#expect(")");
    const found = ({ state }: Scope) => state.snapshots.get(state.byName.get(name.value) ?? "");
    if (!this.#takes(".")) return { kind: "flag", ofEvent: false, valueOf: (scope) => found(scope) !== undefined };
    const token = this.#peek();
    const field = snapshotFields.get(this.#word());
    if (!field) throw this.#wrong(token, `a snapshot has ${[...snapshotFields.keys()].join(", ")}`);
    const valueOf = (scope: Scope) => {
      const snapshot = found(scope);
      return snapshot ? field.of({ state: scope.state, snapshot }) : null;
    };
    return { kind: field.kind, ofEvent: false, valueOf };
  }

  #word(): string {
    const token = this.#peek();
    if (token.is !== "word") throw this.#wrong(token, "a word is expected after the dot");
    this.#next++;
    return token.value;
  }

  #takes(...values: readonly string[]): boolean {
    const token = this.#peek();
    if (token.is === "text" || token.is === "number" || !values.includes(token.value)) return false;
    this.#next++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) throw this.#wrong(this.#peek(), `"${sign}" is expected here`);
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] ?? { is: "end", value: "", at: 0 };
  }

  #wrong({ at }: Token, why: string) {
    return invalid(this.#text, at, why);
  }
}

function constant(kind: Kind, value: Value): Expression {
  return { kind, ofEvent: false, valueOf: () => value };
}

function shown({ is, value }: Token): string {
  return is === "end" ? "the end" : JSON.stringify(value);
}

/** Every name that can be asked for. */
export function fieldNames(): string[] {
  return [...stateFields.keys(), 'snapshot("name")', ...eventFields.keys()];
}

/** Why two kinds of values cannot be compared so; null when they can. */
function mismatch(left: Kind, sign: string, right: Kind): string | null {
  if (sign === "contains") {
    if ((left === "list" || left === "text") && right === "text") return null;
    return `"contains" looks for a text in a list or in a text, not for ${kinds[right]} in ${kinds[left]}`;
  }
  const nullable = left === "nothing" || right === "nothing";
  if (sign === "==" || sign === "!=") {
    if (left !== "list" && right !== "list" && (left === right || nullable)) return null;
  } else if (left === right && (left === "number" || left === "text")) return null;
  return `${kinds[left]} cannot be compared with ${kinds[right]} by "${sign}"`;
}

/** What is not there equals nothing but null, and is neither more nor less than anything. */
function compared(left: Value, sign: string, right: Value): boolean {
  if (sign === "==") return left === right;
  if (sign === "!=") return left !== right;
  if (left === null || right === null) return false;
  if (sign === "contains") return typeof right === "string" && (left as string | readonly string[]).includes(right);
  if (sign === "<") return left < right;
  if (sign === "<=") return left <= right;
  return sign === ">" ? left > right : left >= right;
}
