import { SnapledgerError } from "../errors.ts";
import { storeGiven } from "./input/arguments.ts";
import { Interrupt } from "./input/interrupt.ts";
import { Output } from "./output/output.ts";
import { clock } from "../connection/environment.ts";
import { reportError } from "./output/report.ts";
import { run } from "./run.ts";
import { verbs } from "./verbs.ts";

const args = process.argv.slice(2);
// Needed before the arguments are understood: that may be what fails.
const json = args.includes("--json");
const debug = (process.env["SNAPLEDGER_DEBUG"] ?? "") !== "";
const how = { json, debug, store: storeGiven(args) };

const output = Output.to(process.stdout, process.stderr, (error) => {
  process.exitCode = reportError(asOutputError(error), output, how);
});

function asOutputError(cause: NodeJS.ErrnoException): Error {
  if (cause.code !== "ENOSPC") return cause;
  const hint = "What was asked for is done; only what it had to say is cut off.";
  return new SnapledgerError("DISK_FULL", "The output could not be written: no space is left.", { hint, cause });
}
const interrupt = new Interrupt((error) => process.exit(reportError(error, output, how)));

// What is made belongs to its owner alone, LevelDB's files among it.
process.umask(0o077);
interrupt.listen();
// Nothing here calls exit: what was written to a pipe would be cut off.
run(args, { output, interrupt, debug, clock, program: { verbs, run } }).then(
  (status) => (process.exitCode ??= status),
  (error: unknown) => (process.exitCode = reportError(error, output, how)),
);
