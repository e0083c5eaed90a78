import { readdirSync } from "node:fs";
import { eventTypes } from "../../events/seal.ts";
import { formats } from "../../export/formats.ts";
import { optionsOf, splitVerb } from "../input/arguments.ts";
import { escapeLine } from "../output/escape.ts";
import { scanWords } from "./words.ts";
import type { Program, Verb } from "../verb.ts";

/** Where names come from; nothing when they cannot be had. */
export interface Names {
  domains(store: string | undefined): Promise<readonly string[]>;
  snapshots(store: string | undefined, domain: string): Promise<readonly string[]>;
}

/** What may stand in place of `typed`, which is the end of the line. As node:readline takes it. */
export type Completion = [candidates: string[], typed: string];

const ownVerbs = ["help", "exit", "quit"];
/** More than anybody reads. */
const mostShown = 200;

/** What could come next on a line that is typed up to here. */
export async function completionOf(line: string, names: Names, verbs: Program["verbs"]): Promise<Completion> {
  const { words, open, operator } = scanWords(line);
  if (operator || open?.what === "\\") return [[], ""];
  const last = words.at(-1);
  const current = last?.end === line.length ? last : { value: "", start: line.length };
  const before = words.filter((word) => word !== current).map(({ value }) => value);
  if (before[0] === "snapledger") before.shift();
  const possible = await possibleAfter(before, current.value, names, verbs);
  const fitting = [...new Set(possible)].filter((text) => text.startsWith(current.value) && escapeLine(text) === text);
  const typed = line.slice(current.start);
  const quoted = fitting.sort().map((text) => quotedLike(typed, text, fitting.length === 1));
  // In order, so that the first and the last begin alike as far as all do.
  const shown = quoted.length > mostShown ? [...quoted.slice(0, mostShown - 1), quoted.at(-1) ?? ""] : quoted;
  return [shown, typed];
}

async function possibleAfter(
  before: readonly string[],
  typed: string,
  names: Names,
  verbs: Program["verbs"],
): Promise<readonly string[]> {
  const { verb: name, rest } = splitVerb(before);
  if (name === undefined) return typed.startsWith("-") ? [] : [...verbs.keys(), ...ownVerbs];
  if (name === "help") return [...verbs.keys()];
  const verb = await verbs.get(name)?.load();
  return verb ? possibleFor(verb.verb, rest, typed, names) : [];
}

async function possibleFor(verb: Verb, rest: readonly string[], typed: string, names: Names) {
  const options = optionsOf(verb);
  if (typed.startsWith("-")) return options.map(({ long }) => long);
  const valueOf = (word: string) => options.find(({ long }) => long === word)?.value;
  const given: string[] = [];
  let asked: string | undefined;
  let store: string | undefined;
  for (const [i, word] of rest.entries()) {
    const option = rest[i - 1];
    if (option === "--store") store = word;
    const isValue = option !== undefined && valueOf(option) !== undefined;
    if (!isValue && !word.startsWith("-")) given.push(word);
  }
  const lastWord = rest.at(-1);
  if (lastWord !== undefined) asked = valueOf(lastWord);
  const [argument] = verb.arguments?.[given.length] ?? [];
  // A verb that makes a snapshot takes a new name.
  if (asked === undefined && argument === "[name]" && verb.changes) return [];
  switch (asked ?? argument?.replace(/[<>[\]]/g, "")) {
    case "domain":
      return names.domains(store);
    case "name": {
      const [first] = verb.arguments?.[0] ?? [];
      const [domain] = given;
      return first?.includes("domain") && domain !== undefined ? names.snapshots(store, domain) : [];
    }
    case "file":
    case "xmlfile":
    case "newfolder":
    case "dir":
      return files(typed);
    case "driver":
      return ["memory", "qemu"];
    case "kind":
      return ["kvm", "tcg"];
    case "method":
      return ["zlib", "zstd"];
    case "format":
      return Object.keys(formats);
    case "type":
      return eventTypes;
    default:
      return [];
  }
}

/** Paths that begin so; folders end in a slash. */
function files(typed: string): string[] {
  const folder = typed.slice(0, typed.lastIndexOf("/") + 1);
  try {
    const found = readdirSync(folder === "" ? "." : folder, { withFileTypes: true });
    const shown = found.filter(({ name }) => (typed !== folder ? true : !name.startsWith(".")));
    return shown.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? "/" : ""}`);
  } catch {
    return [];
  }
}

/** The text as a word that begins with the quote that was typed; with what ends a word when nothing else can follow. */
function quotedLike(typed: string, text: string, only: boolean): string {
  const end = only && !text.endsWith("/") ? " " : "";
  if (typed.startsWith("'")) return `'${text.replaceAll("'", String.raw`'\''`)}${text.endsWith("/") ? "" : "'"}${end}`;
  if (typed.startsWith('"')) return `"${text.replace(/[\\"$`]/g, "\\$&")}${text.endsWith("/") ? "" : '"'}${end}`;
  return `${text.replace(/[\s|&;<>()\\'"]|^#/g, "\\$&")}${end}`;
}
