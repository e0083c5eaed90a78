import { exitStatusOf, isSnapledgerError } from "../errors.ts";
import type { Output } from "./output.ts";

/** The line of a file or a pipe that the command stood on. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Says on stderr why it failed and what to do next; the process's exit status. */
export function reportError(error: unknown, output: Output, json: boolean, debug: boolean, place?: Place): number {
  const where = place ? `${place.file}:${place.line}: ` : "";
  if (!isSnapledgerError(error)) return reportUnexpected(error, output, json, debug, { where, place });
  if (json) output.asideJson({ ...error.toJSON(), ...place });
  else {
    output.aside(`${where}error [${error.code}] ${error.message}`);
    output.aside(`hint: ${error.hint ?? `Every code is explained in docs/errors.md: look for ${error.code}.`}`);
  }
  if (debug) showStack(error, output);
  return exitStatusOf[error.code];
}

/** A bug, or something about the machine that nobody thought of. */
function reportUnexpected(
  error: unknown,
  output: Output,
  json: boolean,
  debug: boolean,
  { where, place }: { readonly where: string; readonly place: Place | undefined },
): number {
  const message = error instanceof Error ? error.message : String(error);
  const hint =
    "This is a fault, not a refusal. What had begun is settled by 'snapledger recover', or by the next command on the " +
    "domain. Set SNAPLEDGER_DEBUG=1 to see where it is, and report it.";
  if (json) output.asideJson({ code: null, message, facts: {}, hint, position: null, ...place });
  else {
    output.aside(`${where}error: ${message}`);
    output.aside(`hint: ${hint}`);
  }
  if (debug) showStack(error, output);
  return 1;
}

function showStack(error: unknown, output: Output): void {
  if (!(error instanceof Error)) return;
  for (const line of error.stack?.split("\n") ?? []) output.aside(line);
  if (error.cause !== undefined) showStack(error.cause, output);
}
