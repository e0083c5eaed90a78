import { exitStatusOf, isSnapledgerError, withStoreOption } from "../../errors.ts";
import type { Output } from "./output.ts";

/** The line of a file or a pipe that the command stood on. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** How an error is printed. */
export interface ErrorFormat {
  readonly json: boolean;
  /** Show where it comes from. */
  readonly debug: boolean;
  /** As the command line names it, for the hint's commands to name it too. */
  readonly store: string | undefined;
  readonly place?: Place | undefined;
}

/** Says on stderr why it failed and what to do next; the process's exit status. */
export function reportError(error: unknown, output: Output, how: ErrorFormat): number {
  if (!isSnapledgerError(error)) return reportUnexpected(error, output, how);
  const { json, debug, store, place } = how;
  const hint = error.hint === undefined ? undefined : withStoreOption(error.hint, store);
  if (json) output.asideJson({ ...error.toJSON(), hint: hint ?? null, ...place });
  else {
    output.aside(`${whereIs(place)}error [${error.code}] ${error.message}`);
    output.aside(`hint: ${hint ?? `Every code is explained in docs/errors.md: look for ${error.code}.`}`);
  }
  if (debug) showStack(error, output);
  return exitStatusOf[error.code];
}

/** A bug, or something about the machine that nobody thought of. */
function reportUnexpected(error: unknown, output: Output, { json, debug, store, place }: ErrorFormat): number {
  const message = error instanceof Error ? error.message : String(error);
  const fault =
    "This is a fault, not a refusal. What had begun is settled by `snapledger recover`, or by the next command on the " +
    "domain. Set SNAPLEDGER_DEBUG=1 to see where it is, and report it.";
  const hint = withStoreOption(fault, store);
  if (json) output.asideJson({ code: null, message, facts: {}, hint, position: null, ...place });
  else {
    output.aside(`${whereIs(place)}error: ${message}`);
    output.aside(`hint: ${hint}`);
  }
  if (debug) showStack(error, output);
  return 1;
}

function whereIs(place: Place | undefined): string {
  return place ? `${place.file}:${place.line}: ` : "";
}

function showStack(error: unknown, output: Output): void {
  if (!(error instanceof Error)) return;
  for (const line of error.stack?.split("\n") ?? []) output.aside(line);
  if (error.cause !== undefined) showStack(error.cause, output);
}
