import { shellQuote, SnapledgerError } from "../../errors.ts";
import type { FileFacts } from "../../events/records.ts";
import { count } from "../../projections/explain/wording.ts";

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
  ["mtimeNs", "time of change"],
] as const;

/** In what a file differs: `length 327680, not 262144`; empty when it is as logged. */
export function differencesOf(logged: FileFacts, seen: FileFacts): string[] {
  return compared.flatMap(([field, words]) =>
    logged[field] === seen[field] ? [] : [`${words} ${shown(field, seen)}, not ${shown(field, logged)}`],
  );
}

/** A time to the nanosecond, as `stat` tells it: `2026-12-01T04:22:59.506937498Z`. */
function shown(field: (typeof compared)[number][0], facts: FileFacts): string {
  if (field !== "mtimeNs") return String(facts[field]);
  const [seconds, rest] = secondsOf(facts.mtimeNs);
  const date = new Date(Number(seconds) * 1000);
  // Some file systems take times that no calendar has.
  return Number.isNaN(date.getTime()) ? `@${seconds}.${rest}` : `${date.toISOString().slice(0, 19)}.${rest}Z`;
}

/** Whole seconds, and the nine digits after them. */
function secondsOf(ns: string): [seconds: string, rest: string] {
  return [ns.slice(0, -9) || "0", ns.slice(-9).padStart(9, "0")];
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
  return { message, hint: repairHint(changed) };
}

/** Only the time can be given back by hand. */
function repairHint(changed: readonly ChangedFile[]): string {
  const restore = "Put back what was there from a backup, with its time of change ('cp -a' keeps it).";
  const touched = changed.find(
    ({ logged, seen }) => differencesOf({ ...logged, mtimeNs: seen.mtimeNs }, seen).length === 0,
  );
  if (!touched) return restore;
  const { path, mtimeNs } = touched.logged;
  const touch = `touch -d @${secondsOf(mtimeNs).join(".")} ${shellQuote(path)}`;
  return `${restore} If you know that the content is what it was, give the file its time back: ${touch}`;
}

/** NEEDS_OPERATOR: what stops a fold, which the log has decided on already. */
export function changedFilesStop(domain: string, changed: readonly ChangedFile[]): SnapledgerError {
  const { message, hint } = changedInWords(domain, changed);
  return new SnapledgerError("NEEDS_OPERATOR", message, { facts: { domain, changed }, hint });
}
