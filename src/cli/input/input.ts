import { SnapledgerError } from "../../errors.ts";

/** A verb's arguments and options, as typed by the user. Options are asked for by their long name. */
export class Input {
  readonly #arguments: readonly string[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(given: readonly unknown[], options: Readonly<Record<string, unknown>>) {
    this.#arguments = given.filter((value) => typeof value === "string");
    this.#options = options;
  }

  /** An argument that the verb declared as required. */
  argument(index: number): string {
    const value = this.#arguments[index];
    if (value === undefined) throw new Error(`argument ${index} is not declared as required`);
    return value;
  }

  optional(index: number): string | undefined {
    return this.#arguments[index];
  }

  has(flag: string): boolean {
    return this.#options[camel(flag)] === true;
  }

  value(option: string): string | undefined {
    const value = this.#options[camel(option)];
    return typeof value === "string" ? value : undefined;
  }

  /** An option that may be given several times. */
  values(option: string): readonly string[] {
    const value = this.#options[camel(option)];
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
  }

  /** A whole number; USAGE when it is anything else or under `least`. */
  integer(option: string, least: number): number | undefined {
    const text = this.value(option);
    return text === undefined ? undefined : wholeNumber(text, least, `--${option}`);
  }

  /** INVALID_FLAGS when more than one of these flags is given; else the one that is. */
  oneOf(flags: readonly string[]): string | undefined {
    const given = flags.filter((flag) => this.has(flag) || this.value(flag) !== undefined);
    if (given.length < 2) return given[0];
    const [first = "", second = ""] = given;
    throw new SnapledgerError("INVALID_FLAGS", `Options --${first} and --${second} are mutually exclusive.`, {
      facts: { given },
      hint: `Give one of ${flags.map((flag) => `--${flag}`).join(", ")}.`,
    });
  }
}

export function wholeNumber(text: string, least: number, what: string): number {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value >= least) return value;
  throw new SnapledgerError("USAGE", `${what} takes a whole number from ${least}, not "${text}".`, {
    hint: `Such as ${Math.max(least, 5)}.`,
  });
}

function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
