import type { History } from "../output/history.ts";
import type { Cli } from "../verb.ts";
import type { Debugger } from "./debugger.ts";
import { placeLine, treeView, valueText } from "./view.ts";

/** Commands separated by `;` or newlines; what is in quotes is left whole. */
export function commandsIn(script: string): string[] {
  const commands = script.match(/(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^;\n])+/g) ?? [];
  return commands.map((command) => command.trim()).filter((command) => command !== "");
}

/** Runs commands one after the other, and says after each where the replay stands. */
export async function runScript(cli: Cli, script: string, replay: Debugger, history: History): Promise<void> {
  for (const command of commandsIn(script)) {
    const said = replay.do(command);
    if (cli.json) cli.output.jsonLine(asJson(command, said, replay));
    else cli.output.lines(told(command, said, replay, history));
    await cli.output.drained();
    if (cli.output.gone) return;
  }
}

function told(command: string, said: string | undefined, replay: Debugger, history: History): string[] {
  const { player } = replay;
  if (command === "tree") return [`> ${command}`, ...treeView(player).map(({ text }) => text)];
  return [
    `> ${command}`,
    ...(said === undefined ? [] : [said]),
    placeLine(player, history),
    ...replay.watched.map(({ expression, value }) => `  ${expression} = ${valueText(value)}`),
  ];
}

function asJson(command: string, said: string | undefined, { player, watched }: Debugger) {
  const { event, touched, state } = player;
  const snapshots = () =>
    [...(state?.snapshots.values() ?? [])].map(({ id, name, parent, active }) => ({ id, name, parent, active }));
  return {
    ...{ command, said: said ?? null, position: event?.position ?? null, watched },
    touched: { added: [...touched.added], changed: [...touched.changed], gone: touched.gone },
    event,
    ...(command === "tree" && { current: state?.current ?? null, snapshots: snapshots() }),
  };
}
