import { Command, CommanderError, Option } from "commander";
import { SnapledgerError } from "../../errors.ts";
import { Input } from "./input.ts";
import { nearest } from "./nearest.ts";
import type { Verb } from "../verb.ts";
import { timeForms } from "./times/grammar.ts";

/** Options that every verb takes, before or after the verb. */
const everywhere = [
  ["--store <dir>", "the store (else SNAPLEDGER_STORE, else snapledger in the XDG data folder)"],
  ["--json", "print JSON"],
  ["--reason <text>", "why: kept in the log, for good"],
  ["--ticket <id>", "the ticket it is done for: kept in the log, for good"],
  ["--command-id <id>", "run it once: the same id again gives the first result"],
  ["--expect-revision <n>", "refuse unless the domain is at this revision"],
  ["--wait <seconds>", "how long to wait for another process (default 5)"],
] as const;

const withValue = new Set(everywhere.filter(([flags]) => flags.includes("<")).map(([flags]) => flags.split(" ")[0]));

/** Finds the verb among the arguments: the first that is neither an option nor the value of one of `everywhere`. */
export function splitVerb(args: readonly string[]): { readonly verb: string | undefined; readonly rest: string[] } {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") return { verb: args[i + 1], rest: [...args.slice(0, i), ...args.slice(i + 2)] };
    if (withValue.has(arg)) i++;
    else if (!arg.startsWith("-")) return { verb: arg, rest: [...args.slice(0, i), ...args.slice(i + 1)] };
  }
  return { verb: undefined, rest: [...args] };
}

/** `--store DIR` as it is typed, also where the rest is not understood. As commander has it, the last one counts. */
export function storeGiven(args: readonly string[]): string | undefined {
  let store: string | undefined;
  for (let i = 0; i < args.length && args[i] !== "--"; i++) {
    const arg = args[i] ?? "";
    if (arg === "--store") store = args[i + 1];
    else if (arg.startsWith("--store=")) store = arg.slice("--store=".length);
    if (withValue.has(arg)) i++;
  }
  return store;
}

/**
 * What was asked for: the verb's input, or its help as text. Everything else is USAGE. `defaults`: options of
 * `everywhere`, each with its value, that are given unless the verb says itself what such a one means to it.
 */
export function parseArguments(
  name: string,
  verb: Verb,
  args: readonly string[],
  defaults: readonly (readonly string[])[] = [],
): Input | { readonly help: string } {
  let help = "";
  const command = describe(name, verb)
    .exitOverride()
    .configureOutput({ writeOut: (text) => (help += text), writeErr: () => undefined });
  try {
    const own = new Set((verb.options ?? []).map(([flags]) => flags.split(" ")[0]));
    const given = verb.anything ? [] : defaults.filter(([flag = ""]) => !own.has(flag));
    command.parse([...given.flat(), ...args].map(shielded), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.code === "commander.helpDisplayed") return { help };
    throw error instanceof CommanderError ? usage(name, command, error) : error;
  }
  const options = Object.entries(command.opts()).map(([option, value]) => [option, unshielded(value)]);
  return new Input(command.processedArgs.map(unshielded), Object.fromEntries(options) as Record<string, unknown>);
}

/** No option begins with a digit, but commander would take `-2h`, a time, for one: it is shown something else. */
function shielded(arg: string): string {
  return /^\0*-\d/.test(arg) ? `\0${arg}` : arg;
}

function unshielded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unshielded);
  return typeof value === "string" && /^\0+-\d/.test(value) ? value.slice(1) : value;
}

/** Every option that a verb takes: its long name, and what its value is, if it has one. */
export function optionsOf({ options = [], changes = false }: Verb): { long: string; value: string | undefined }[] {
  const plan = changes ? ["--plan", "--accept-rollback"] : [];
  const flags = [...options, ...everywhere].map(([flag]) => flag);
  return [...flags, ...plan, "--help"].map((flag) => {
    const [, long = flag, value] = /(--[^ ]+)(?: <(.*)>)?$/.exec(flag) ?? [];
    return { long, value };
  });
}

function describe(name: string, verb: Verb): Command {
  const command = new Command(`snapledger ${name}`).description(verb.about).showSuggestionAfterError(false);
  for (const [argument, what] of verb.arguments ?? []) command.argument(argument, what);
  for (const [flags, what, repeat] of verb.options ?? []) command.addOption(option(flags, what, repeat));
  if (verb.changes) {
    command.option("--plan", "say what would be done, and change nothing");
    command.option("--accept-rollback", "go on from an old copy of the log (see LOG_BEHIND): takes a --reason");
  }
  // A verb may say itself what one of these means to it: `log --ticket` looks for it.
  const own = new Set((verb.options ?? []).map(([flags]) => flags));
  for (const [flags, what] of everywhere) if (!own.has(flags)) command.option(flags, what);
  command.helpOption("-h, --help", "show this help").addHelpText("after", helpEnd(verb));
  if (verb.anything) command.allowUnknownOption().allowExcessArguments();
  return command;
}

function option(flags: string, what: string, repeat: "repeat" | undefined): Option {
  const made = new Option(flags, what);
  // commander takes --no-start for the opposite of a --start; here it is a flag like any other.
  made.negate = false;
  return repeat ? made.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]) : made;
}

function usage(name: string, command: Command, error: CommanderError): SnapledgerError {
  const message = error.message.replace(/^error: /, "");
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith(".") ? "" : "."}`;
  return new SnapledgerError("USAGE", sentence, {
    hint: suggestion(command, error) ?? `See: snapledger ${name} --help`,
  });
}

function suggestion(command: Command, error: CommanderError): string | undefined {
  const unknown = /unknown option '(--[^'=]*)/.exec(error.message)?.[1];
  const flags = command.options.flatMap(({ long }) => long ?? []);
  const near = unknown === undefined ? undefined : nearest(unknown, flags);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

/** What ends any verb, where it does not say itself what else its own status means. */
const unlessSaid: readonly (readonly [status: number, when: string])[] = [
  [1, "a disk is full, or failed"],
  [3, "the store is not this user's alone, or is of a newer version"],
];

/** Statuses that mean the same for every verb. */
const sameForAll: readonly (readonly [status: number, when: string])[] = [
  [2, "the request is wrong: a flag, a name, the XML"],
  [5, "not now: another process has the log, the domain or an image; try again"],
  [6, "the log is damaged, or an old copy was put in its place"],
  [130, "interrupted"],
];

/** The end of a verb's help. */
export function helpEnd(verb: Verb): string {
  const { exits, examples, changes } = verb;
  const unsaid = unlessSaid.filter(([status]) => exits.every(([own]) => own !== status));
  const statuses = [[0, "done"] as const, ...exits, ...unsaid, ...sameForAll].sort(([a], [b]) => a - b);
  const permanent = changes ? "\nNames, reasons and actors are permanent: they stay in the log for good.\n" : "";
  return `${permanent}${takesTimes(verb) ? times : ""}
EXIT STATUS
${statuses.map(([status, when]) => `  ${String(status).padEnd(4)} ${when}`).join("\n")}

EXAMPLES
${examples.map((example) => `  ${example}`).join("\n")}`;
}

const times = `
TIMES
${timeForms.map((line) => `  ${line}`).join("\n")}
`;

function takesTimes({ options = [], arguments: given = [] }: Verb): boolean {
  return options.some(([flags]) => /<(.*\|)?time\b/.test(flags)) || given.some(([, what]) => /\ba time$/.test(what));
}
