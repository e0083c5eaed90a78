import { SnapledgerError } from "../errors.ts";
import { shellWord } from "../hints.ts";
import type { FileFacts } from "../events/records.ts";
import { count } from "../projections/wording.ts";

/**
 * Whether a frozen file is still what the log says of it. Device and inode tell nothing: a file that was put back by
 * `cp -a` has others, and a file that was rewritten in place has the same.
 */

/** A frozen file that differs from the log. Plain JSON: it is recorded with the decision. */
export interface ChangedFile {
  readonly path: string;
  readonly logged: FileFacts;
  readonly seen: FileFacts;
}

const compared = [
  ["format", "format"],
  ["bytes", "length"],
  ["virtualBytes", "virtual size"],
  ["mtimeNs", "time of change (ns)"],
] as const;

/** In what a file differs: `length 327680, not 262144`; empty when it is as logged. */
export function differencesOf(logged: FileFacts, seen: FileFacts): string[] {
  return compared.flatMap(([field, words]) =>
    logged[field] === seen[field] ? [] : [`${words} ${seen[field]}, not ${logged[field]}`],
  );
}

/** More files than these are counted; the facts have each. */
const filesShown = 10;

/** What changed, and how to go on. */
export function changedInWords(domain: string, changed: readonly ChangedFile[]): { message: string; hint: string } {
  const shown = changed
    .slice(0, filesShown)
    .map(({ path, logged, seen }) => `${path} has ${differencesOf(logged, seen).join("; ")}`);
  const more = changed.length - shown.length;
  const rest = more > 0 ? `. ${count(more, "more file")} changed, too` : "";
  const message = `Frozen files of domain "${domain}" changed behind its log: ${shown.join(". ")}${rest}.`;
  return { message, hint: wayBack(changed) };
}

/** Only the time can be given back by hand. */
function wayBack(changed: readonly ChangedFile[]): string {
  const restore = "Put back what was there from a backup, with its time of change ('cp -a' keeps it).";
  const touched = changed.find(
    ({ logged, seen }) => differencesOf({ ...logged, mtimeNs: seen.mtimeNs }, seen).length === 0,
  );
  if (!touched) return restore;
  const { path, mtimeNs } = touched.logged;
  const at = `@${mtimeNs.slice(0, -9) || "0"}.${mtimeNs.slice(-9).padStart(9, "0")}`;
  return `${restore} If you know that the content is what it was, give the file its time back: touch -d ${at} ${shellWord(path)}`;
}

/** NEEDS_OPERATOR: what stops a fold, which the log has decided on already. */
export function changedFilesStop(domain: string, changed: readonly ChangedFile[]): SnapledgerError {
  const { message, hint } = changedInWords(domain, changed);
  return new SnapledgerError("NEEDS_OPERATOR", message, { facts: { domain, changed }, hint });
}
