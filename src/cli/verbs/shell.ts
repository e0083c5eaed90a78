import { SnapledgerError } from "../../errors.ts";
import { keepStdinForCommands } from "../input/files.ts";
import { completionOf } from "../shell/completion.ts";
import { namesIn } from "../shell/names.ts";
import { openScript, Shell } from "../shell/shell.ts";
import { runTerminal } from "../shell/terminal.ts";
import type { Input } from "../input/input.ts";
import { storeFolder } from "../input/store.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Run several commands in one process, which reads the log faster: from a terminal (with history, and Tab to " +
    "complete verbs, options, domains, snapshots and files), from a file or from a pipe. A line is a command, as it is " +
    "outside but without 'snapledger' (which may stand there). Words are quoted as a POSIX shell has it, but nothing " +
    "is expanded and nothing but verbs is run; # begins a comment. --store, --json, --reason, --ticket and --wait go " +
    "with each command that does not say otherwise. The store is held only while a command reads or writes. Ctrl-C " +
    "ends the line or the command, on a terminal not the shell. Lines that begin with a space are not kept in the history.",
  arguments: [["[file]", "the commands; none, or -: stdin"]],
  options: [["-e, --errexit", "end at the first command that fails, with its exit status"]],
  exits: [
    [0, "on a terminal: whatever the commands' were; else: none of them failed"],
    [1, "and any other: from a file or a pipe that of the last command that failed; with -e, of the first"],
    [4, "no such file"],
  ],
  examples: [
    "snapledger shell -e nightly.snap --reason 'nightly' --ticket OPS-17",
    "printf 'list\\nsnapshot-list web --tree\\n' | snapledger shell",
  ],
  async run(cli) {
    const file = cli.input.optional(0) ?? "-";
    const terminal = file === "-" && process.stdin.isTTY && process.stdout.isTTY;
    const options = { defaults: defaultsFrom(cli.input), errexit: cli.input.has("errexit"), terminal };
    if (file === "-") keepStdinForCommands();
    const { interrupt } = cli.context;
    // At the prompt Ctrl-C is a key. A signal that comes then is late: a program that it ended, too, may be told first.
    const status = await interrupt.within(terminal ? "ignored" : "ends", async (inner) => {
      const shell = new Shell({ ...cli.context, interrupt: inner }, options);
      if (terminal) await onTerminal(cli, shell);
      else if (file === "-") await shell.script(process.stdin as AsyncIterable<Buffer>, "stdin");
      else await shell.script(await openScript(file), file);
      return shell.status;
    });
    cli.status = terminal && !cli.input.has("errexit") ? 0 : status;
  },
};

const forEach = ["store", "reason", "ticket", "wait"] as const;
const forOne = ["command-id", "expect-revision"] as const;

/** What goes with each command, as words. USAGE for what can only go with one. */
function defaultsFrom(input: Input): string[][] {
  for (const option of forOne) {
    if (input.value(option) === undefined) continue;
    throw new SnapledgerError("USAGE", `--${option} goes with one command.`, {
      hint: "Give it in the command's line.",
    });
  }
  const given = forEach.flatMap((option) => {
    const value = input.value(option);
    return value === undefined ? [] : [[`--${option}`, value]];
  });
  return input.has("json") ? [["--json"], ...given] : given;
}

async function onTerminal(cli: Cli, shell: Shell): Promise<void> {
  const names = namesIn((store) => {
    const folder = store === undefined ? cli.store : storeFolder(store, process.env);
    return { ...cli.options(), store: folder, session: shell.session(folder) };
  });
  cli.output.line(`snapledger shell on ${cli.store}; help lists the verbs, Tab completes, exit or Ctrl-D leaves`);
  await runTerminal(shell, (line) => completionOf(line, names, cli.context.program.verbs));
}
