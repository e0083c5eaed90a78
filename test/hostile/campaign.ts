import { exitStatusOf, isSnapledgerError } from "../../src/errors.ts";
import type { ErrorCode, SnapledgerError } from "../../src/errors.ts";
import type { Random } from "../support/random.ts";

/** Hostile inputs of one kind, each drawn from a number, so that any of them can be made again. */
export interface Campaign {
  readonly name: string;
  /** How many in the soak. */
  readonly soak: number;
  /** Throws when the input is not dealt with as promised; else says in a word what came of it. */
  readonly check: (drawn: Random) => string | Promise<string>;
}

/** The refusal that `work` ends in, or what it gives. Anything else that it throws is a finding. */
export function refusalOr<T>(
  work: () => T,
  codes: readonly ErrorCode[],
  longest = 1000,
): SnapledgerError | { readonly value: T } {
  try {
    return { value: work() };
  } catch (error) {
    if (isSnapledgerError(error) && codes.includes(error.code)) return checkedError(error, longest);
    throw error;
  }
}

/** What every failure promises: a code that is documented, one line, no more than a screen of it. */
export function checkedError(error: SnapledgerError, longest: number): SnapledgerError {
  const { code, message, hint } = error;
  claim(Object.hasOwn(exitStatusOf, code), () => `the code ${code} is not a documented one`);
  claim(message.length > 0 && message.length <= longest, () => `a message of ${message.length} characters`);
  claim(!/\n *at /.test(`${message}${hint ?? ""}`), () => "a stack trace in a message");
  return error;
}

export function claim(holds: boolean, otherwise: () => string): void {
  if (!holds) throw new Error(otherwise());
}

const prototypes = [Object.prototype, Array.prototype, Function.prototype, Map.prototype, String.prototype];
const untouched = prototypes.map((prototype) => Reflect.ownKeys(prototype).length);

/** Nothing that every object inherits has been added to. */
export function claimUnpolluted(): void {
  prototypes.forEach((prototype, i) =>
    claim(Reflect.ownKeys(prototype).length === untouched[i], () => "a prototype was changed"),
  );
}
