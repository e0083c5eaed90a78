import { exitStatusOf, SnapledgerError } from "../errors.ts";
import { parseArguments, splitVerb } from "./arguments.ts";
import { overview, unknownVerb } from "./help.ts";
import { Interrupt } from "./interrupt.ts";
import { Output } from "./output.ts";
import { reportError } from "./report.ts";
import { Session } from "./session.ts";
import { verbs } from "./verbs.ts";
import { version } from "./version.ts";

const args = process.argv.slice(2);
// Needed before the arguments are understood: that may be what fails.
const json = args.includes("--json");
const debug = (process.env["SNAPLEDGER_DEBUG"] ?? "") !== "";

const output = new Output(process.stdout, process.stderr, (error) => {
  process.exitCode = reportError(asOutputError(error), output, json, debug);
});

function asOutputError(cause: NodeJS.ErrnoException): Error {
  if (cause.code !== "ENOSPC") return cause;
  const hint = "What was asked for is done; only what it had to say is cut off.";
  return new SnapledgerError("DISK_FULL", "The output could not be written: no space is left.", { hint, cause });
}
const interrupt = new Interrupt((error) => process.exit(reportError(error, output, json, debug)));

/** The process's exit status. Nothing here calls exit: what was written to a pipe would be cut off. */
async function run(): Promise<number> {
  const { verb: typed, rest } = splitVerb(args);
  if (typed === undefined) return withoutVerb(rest);
  if (typed === "help") return help(rest[0]);
  const entry = verbs.get(typed);
  if (!entry) throw unknownVerb(typed);
  const { verb } = await entry.load();
  const input = parseArguments(typed, verb, rest);
  if ("help" in input) {
    output.document(input.help);
    return 0;
  }
  const session = new Session(typed, input, output, interrupt);
  try {
    await verb.run(session);
    return session.damaged ? exitStatusOf.LOG_DAMAGED : 0;
  } finally {
    await session.close();
  }
}

function withoutVerb(options: readonly string[]): number {
  if (options.includes("--version") || options.includes("-V")) output.line(version);
  else if (options.includes("--help") || options.includes("-h")) output.document(overview());
  else throw new SnapledgerError("USAGE", "No verb is given.", { hint: "See: snapledger --help" });
  return 0;
}

/** `snapledger help`, `snapledger help VERB`. */
async function help(topic: string | undefined): Promise<number> {
  const entry = topic === undefined ? undefined : verbs.get(topic);
  if (topic !== undefined && !entry) throw unknownVerb(topic);
  const asked =
    topic === undefined || !entry ? undefined : parseArguments(topic, (await entry.load()).verb, ["--help"]);
  output.document(asked && "help" in asked ? asked.help : overview());
  return 0;
}

// What is made belongs to its owner alone, LevelDB's files among it.
process.umask(0o077);
interrupt.listen();
run().then(
  (status) => (process.exitCode ??= status),
  (error: unknown) => (process.exitCode = reportError(error, output, json, debug)),
);
