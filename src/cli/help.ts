import { nearest } from "./input/nearest.ts";
import { SnapledgerError } from "../errors.ts";
import type { Verb } from "./verb.ts";
import { timeForms } from "./input/times/grammar.ts";
import { verbs } from "./verbs.ts";

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

/** `snapledger --help`. */
export function overview(): string {
  const lines = ["Usage: snapledger VERB [ARGUMENTS] [OPTIONS]", "", about, ""];
  let group = "";
  for (const [name, entry] of verbs) {
    if (entry.group !== group) lines.push(...(group === "" ? [] : [""]), `${entry.group}:`);
    group = entry.group;
    lines.push(`  ${name.padEnd(22)}${entry.summary}`);
  }
  return `${lines.join("\n")}\n\n${everywhere}\n`;
}

const about = `Snapshots of virtual machines whose only source of truth is an append-only log: who did what, why, what it
destroyed, and the proof.`;

const everywhere = `Everywhere, before or after the verb:
  --store DIR --json --reason TEXT --ticket ID --command-id ID --expect-revision N --wait SECONDS
  --plan (verbs that change something) --help --version

Names, reasons and actors are permanent: they stay in the log for good, also after what they name is gone.
See "snapledger VERB --help" for one verb.`;

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

export function unknownVerb(typed: string): SnapledgerError {
  const near = nearest(typed, [...verbs.keys()]);
  return new SnapledgerError("USAGE", `Unknown verb "${typed}".`, {
    hint: near === undefined ? "See: snapledger --help" : `Did you mean ${near}?`,
  });
}
