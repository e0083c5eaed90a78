import { Writable } from "node:stream";
import { parseArguments } from "../src/cli/input/arguments.ts";
import { Output } from "../src/cli/output/output.ts";
import type { Cli } from "../src/cli/verb.ts";
import { verb as snapshotList } from "../src/cli/verbs/snapshot-list.ts";
import type { Connection } from "../src/connection/api.ts";

/**
 * `snapshot-list` as the command line runs it, on a connection that is there already: its arguments read, its answer
 * written, though nowhere.
 */
export async function listInProcess(connection: Connection, ...args: readonly string[]): Promise<void> {
  const input = parseArguments("snapshot-list", snapshotList, args);
  if ("help" in input) throw new Error("help was asked for");
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as NodeJS.WriteStream;
  const output = Output.to(nowhere, nowhere, (error) => {
    throw error;
  });
  const cli: Partial<Cli> = { input, output, json: false, connection: () => Promise.resolve(connection) };
  await snapshotList.run(cli as Cli);
}
