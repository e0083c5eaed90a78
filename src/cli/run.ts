import { exitStatusOf, SnapledgerError } from "../errors.ts";
import { parseArguments, splitVerb } from "./input/arguments.ts";
import { overview, unknownVerb } from "./help.ts";
import type { Output } from "./output/output.ts";
import { Session } from "./session.ts";
import { verbs } from "./verbs.ts";
import { version } from "./output/version.ts";
import type { RunContext } from "./verb.ts";

/** Runs one command line, without the program's name; its exit status. Rejects with what is to be reported. */
export async function run(args: readonly string[], context: RunContext): Promise<number> {
  const { output, interrupt } = context;
  const { verb: typed, rest } = splitVerb(args);
  if (typed === undefined) return withoutVerb(rest, output);
  if (typed === "help") return help(rest[0], output);
  const entry = verbs.get(typed);
  if (!entry) throw unknownVerb(typed);
  const { verb } = await entry.load();
  const input = parseArguments(typed, verb, rest, context.defaults);
  if ("help" in input) {
    output.document(input.help);
    return 0;
  }
  const session = new Session(typed, input, context);
  try {
    await verb.run(session);
    if (interrupt.stopped) throw stopped();
    return Math.max(session.status, session.damaged ? exitStatusOf.LOG_DAMAGED : 0);
  } catch (error) {
    // It ended as it did because what it worked with was closed.
    throw interrupt.stopped ? stopped() : error;
  } finally {
    await session.close();
  }
}

function stopped(): SnapledgerError {
  const hint = "What it had not shown yet is not shown. Run it again when you like.";
  return new SnapledgerError("INTERRUPTED", "Interrupted.", { hint });
}

function withoutVerb(options: readonly string[], output: Output): number {
  if (options.includes("--version") || options.includes("-V")) output.line(version);
  else if (options.includes("--help") || options.includes("-h")) output.document(overview());
  else throw new SnapledgerError("USAGE", "No verb is given.", { hint: "See: snapledger --help" });
  return 0;
}

/** `snapledger help`, `snapledger help VERB`. */
async function help(topic: string | undefined, output: Output): Promise<number> {
  const entry = topic === undefined ? undefined : verbs.get(topic);
  if (topic !== undefined && !entry) throw unknownVerb(topic);
  const asked =
    topic === undefined || !entry ? undefined : parseArguments(topic, (await entry.load()).verb, ["--help"]);
  output.document(asked && "help" in asked ? asked.help : overview());
  return 0;
}
