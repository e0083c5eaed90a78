import { Level } from "level";
import { recordKey } from "../../src/events/level/keys.ts";
import { openStore } from "../../src/store/store.ts";
import { newId } from "../history.ts";
import { interleaved, milliseconds } from "../rounds.ts";
import type { Bench, Findings, Subject } from "../row.ts";
import { logFolder } from "../stores.ts";

/** What opening a store costs. If it grew with the log, it would be read as a whole somewhere. */
export const open: Subject = {
  name: "open",
  about: "opening a large store and reading one record, against the same of a bare LevelDB",
  rows: ["open"],
  run,
};

async function run({ quick, stores }: Bench): Promise<Findings> {
  const events = quick ? 50_000 : 1_000_000;
  const store = await stores.ofLives(events);
  const { ours, control } = await interleaved(quick ? 9 : 31, {
    control: () => milliseconds(() => bare(logFolder(store), events)),
    ours: () => milliseconds(() => opened(store, events)),
  });
  const what = `open a store of ${events} events, read one, close`;
  return { rows: { open: { what, control: "the same of LevelDB alone", unit: "ms", ours, controls: control } } };
}

async function bare(folder: string, position: number): Promise<void> {
  const db = new Level(folder);
  await db.get(recordKey(position));
  await db.close();
}

async function opened(store: string, position: number): Promise<void> {
  const access = await openStore(store, { clock: Date.now, newId, waitMs: 0, hold: false });
  await access.use(async (log) => {
    for await (const { record } of log.read({ from: position })) if (record.position === position) return;
    throw new Error(`position ${position} was not found`);
  });
}
