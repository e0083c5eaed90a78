import { Writable } from "node:stream";
import { parseArguments } from "../src/cli/input/arguments.ts";
import { Output } from "../src/cli/output/output.ts";
import type { Cli, Verb } from "../src/cli/verb.ts";
import { verb as list } from "../src/cli/verbs/list.ts";
import { verb as snapshotList } from "../src/cli/verbs/snapshot-list.ts";
import type { Connection } from "../src/connection/api.ts";

const verbs = { list, "snapshot-list": snapshotList } as const satisfies Record<string, Verb>;

/**
 * A verb as the command line runs it, on a connection that is there already: its arguments read, its answer written,
 * though nowhere.
 */
export async function runInProcess(
  name: keyof typeof verbs,
  connection: Connection,
  ...args: readonly string[]
): Promise<void> {
  const input = parseArguments(name, verbs[name], args);
  if ("help" in input) throw new Error("help was asked for");
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as NodeJS.WriteStream;
  const output = Output.to(nowhere, nowhere, (error) => {
    throw error;
  });
  const cli: Partial<Cli> = { input, output, json: false, connection: () => Promise.resolve(connection) };
  await verbs[name].run(cli as Cli);
}
