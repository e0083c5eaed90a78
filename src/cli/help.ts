import { nearest } from "./input/nearest.ts";
import { SnapledgerError } from "../errors.ts";
import { verbs } from "./verbs.ts";

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

export function unknownVerb(typed: string): SnapledgerError {
  const near = nearest(typed, [...verbs.keys()]);
  return new SnapledgerError("USAGE", `Unknown verb "${typed}".`, {
    hint: near === undefined ? "See: snapledger --help" : `Did you mean ${near}?`,
  });
}
