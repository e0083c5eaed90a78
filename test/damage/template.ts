import { fork } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connect, init } from "../../src/connection/connection.ts";
import { keepFiles } from "../../src/store/integrity/original-files.ts";
import { openLevelEventLog } from "../../src/events/level/level-log.ts";

import { quickFolder } from "../support/folders.ts";
import { caller, parts, perform, type Deeds } from "../support/two-domains.ts";

/** By path below the store's folder. */
export type Files = ReadonlyMap<string, Buffer>;

/** A store to be harmed again and again, and what is true of it. */
export interface Template {
  readonly name: string;
  readonly files: Files;
  /** Its files at earlier times, oldest first. */
  readonly earlier: readonly Files[];
  /** Every line that was ever stored. */
  readonly lines: readonly string[];
  /** Up to here somebody was told that it is written. */
  readonly acknowledged: number;
}

export function filesIn(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name))]));
}

/** A store of these files, with the folders that every store has. */
export function lay(files: Files, folder: string): void {
  for (const part of ["layers", "run", "checkpoints"]) mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, name), bytes, { mode: 0o600 });
  }
}

/** Three stages of history by the library, each closed cleanly. */
async function closed(name: string, deeds: Deeds, hold: boolean): Promise<Template> {
  const store = join(quickFolder(), "store");
  await (await init(store, caller)).close();
  const stages: Files[] = [filesIn(store)];
  for (let stage = 0; stage < 3; stage++) {
    const connection = await connect({ store, hold });
    await perform(connection, deeds, stage);
    await connection.close();
    stages.push(filesIn(store));
  }
  return template(name, stages);
}

/** The same, then a process that works on until it is killed in the midst of it. */
async function killed(name: string, deeds: Deeds): Promise<Template> {
  const before = await closed(name, deeds, true);
  const store = join(quickFolder(), "store");
  lay(before.files, store);
  const writer = fork(join(import.meta.dirname, "writer.ts"), [store], { execArgv: ["--import", "tsx"] });
  let acknowledged = 0;
  writer.on("message", (position: number) => {
    acknowledged = position;
    if (position > before.lines.length + 40) writer.kill("SIGKILL");
  });
  await once(writer, "exit");
  return { ...(await template(name, [...before.earlier, before.files, filesIn(store)])), acknowledged };
}

/** An opening was killed before its check had ended: the files lie aside, and the database is as LevelDB left it. */
async function opening(name: string, before: Template): Promise<Template> {
  const store = join(quickFolder(), "store");
  lay(before.files, store);
  cpSync(join(store, "log"), join(store, "log.kept"), { recursive: true });
  keepFiles(join(store, "log.kept"), join(store, "log.aside"));
  rmSync(join(store, "log.kept"), { recursive: true });
  await (await openLevelEventLog(join(store, "log"), parts)).close();
  const files = filesIn(store);
  return { ...before, name, files };
}

async function template(name: string, stages: readonly Files[]): Promise<Template> {
  const files = stages.at(-1) ?? new Map<string, Buffer>();
  const store = join(quickFolder(), "store");
  lay(files, store);
  const connection = await connect({ store, hold: true });
  const lines: string[] = [];
  for await (const { line } of connection.read()) lines.push(line);
  await connection.close();
  return { name, files, earlier: stages.slice(0, -1), lines, acknowledged: lines.length };
}

export async function templates(): Promise<readonly Template[]> {
  const small = { snapshots: 4, refusals: 0 };
  const dead = await killed("killed -9", small);
  return [
    await closed("closed, opened for each use", small, false),
    await closed("closed, one opening", small, true),
    await closed("closed, with checkpoints", { snapshots: 4, refusals: 100 }, true),
    dead,
    await opening("an opening that was killed", dead),
  ];
}
