import { SnapledgerError } from "../../errors.ts";
import type { EventRecord } from "../../connection/api.ts";
import { apply } from "../../projections/domain.ts";
import { Replay } from "../../projections/replay/replay.ts";
import { emptyState } from "../../projections/state.ts";
import type { DomainState } from "../../projections/state.ts";
import { conditionHelp } from "../input/condition-help.ts";
import { History } from "../output/history.ts";
import { positionOf } from "../input/moment.ts";
import { commandHelp, Debugger } from "../replay/debugger.ts";
import { runScript } from "../replay/script.ts";
import { runTerminal } from "../replay/terminal.ts";
import type { Cli, Verb } from "../verb.ts";

/** So many records are kept in memory. A longer replay is better a stretch of the log. */
const mostRecords = 200_000;

export const verb: Verb = {
  about:
    "Step through a stretch of the log, forwards and backwards, with the tree as it was after each event. On a terminal " +
    `by keys; with --script by commands, separated by ; or newlines: ${commandHelp.map(([form]) => form).join("; ")}. ${conditionHelp}`,
  arguments: [["[domain]", "only this one: its name or uuid, also of one that is gone"]],
  options: [
    ["--from <time|position>", "the first event of the stretch"],
    ["--to <time|position>", "the last event of the stretch"],
    ["--script <commands>", "what to do instead of waiting for keys"],
  ],
  exits: [[4, "no such domain or store, or no record at this position"]],
  examples: [
    "snapledger replay web --from 'yesterday 14:00' --to 'yesterday 15:00'",
    "snapledger replay web --script 'watch current; run type SnapshotDiscarded; tree; back; tree'",
  ],
  async run(cli) {
    const script = cli.input.value("script");
    if (script === undefined && !(process.stdin.isTTY && process.stdout.isTTY && !cli.json)) {
      throw new SnapledgerError("USAGE", "A replay by keys needs a terminal.", {
        hint: "Give commands instead: --script 'run type SnapshotDiscarded; tree; back; tree'.",
      });
    }
    const connection = await cli.connection();
    const replay = new Debugger(await stretch(cli));
    const history = new History(await connection.names());
    if (script !== undefined) await runScript(cli, script, replay, history);
    else await runTerminal(`replay ${cli.input.optional(0) ?? "of all domains"}`, replay, history);
  },
};

/** Reads the stretch, and folds what is before it. */
async function stretch(cli: Cli): Promise<Replay> {
  const connection = await cli.connection();
  const [domain, from, to] = [cli.input.optional(0), cli.input.value("from"), cli.input.value("to")];
  const first = from === undefined ? 1 : await positionOf(cli, from, "--from");
  const end = to === undefined ? undefined : (await positionOf(cli, to, "--to")) + 1;
  const range = { ...(domain === undefined ? {} : { domain }), ...(end === undefined ? {} : { to: end }) };
  const start = new Map<string, DomainState>();
  const records: EventRecord[] = [];
  for await (const { record } of connection.read(range)) {
    if (record.position >= first) records.push(record);
    else foldInto(start, record);
    if (records.length > mostRecords) throw tooMany();
  }
  return new Replay(records, start);
}

function foldInto(states: Map<string, DomainState>, record: EventRecord): void {
  const domain = record.domain ?? "";
  const state = states.get(domain) ?? emptyState(domain);
  states.set(domain, state);
  apply(state, record);
}

function tooMany(): SnapledgerError {
  return new SnapledgerError("TOO_LARGE", `There are more than ${mostRecords} events to step through.`, {
    hint: "Name a domain, or a stretch with --from and --to.",
  });
}
