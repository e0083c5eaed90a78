import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { Level } from "level";
import { foldedOnce } from "../../src/queries/at-position.ts";
import {
  cachedStateFiles,
  nothingCached,
  readDirectory,
  readDomainState,
  readFiles,
} from "../../src/queries/cache/cached-states.ts";
import type { CachedStates } from "../../src/queries/cache/cache.ts";
import { Chain } from "../../src/events/chain.ts";
import { sha256 } from "../../src/events/hash.ts";
import { recordKeys } from "../../src/events/level/keys.ts";
import { openLevelEventLog } from "../../src/events/level/level-log.ts";
import type { EventLog, LogAccess } from "../../src/events/log.ts";
import { apply } from "../../src/projections/domain.ts";
import { emptyState } from "../../src/projections/state.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { newId } from "../history.ts";
import { median } from "../judge.ts";
import { interleaved, milliseconds } from "../rounds.ts";
import type { Bench, Findings, Subject } from "../row.ts";
import { logFolder } from "../stores.ts";

/** How fast a log is folded, and how much of that a question is spared. */
export const replay: Subject = {
  name: "replay",
  about: "bulk and verified replay against scan + JSON.parse; one domain's state, and questions about the past",
  rows: ["replay-bulk", "replay-verified", "read-domain", "ask-at"],
  run,
};

const options = { clock: Date.now, newId };

async function run({ quick, folder, stores, say }: Bench): Promise<Findings> {
  const sizes = quick ? [1_000, 10_000, 50_000] : [10_000, 100_000, 1_000_000];
  const byEvents: Replayed[] = [];
  for (const events of sizes) {
    const log = logFolder(await stores.ofLives(events));
    say(`replaying ${events} events ...`);
    byEvents.push(await replayed(log, events, quick || events < 1_000_000 ? 5 : 7));
  }
  const whole = byEvents.at(-1)!;
  const questions = await asked(logFolder(await stores.ofLives(whole.events)), folder, whole.events);
  const of = `${whole.events} events`;
  const control = "scan + JSON.parse";
  const fold = whole.bulk.map((rate) => (whole.events / rate) * 1000);
  const times = { unit: "ms", inverse: true } as const;
  return {
    rows: {
      "replay-bulk": { what: `replay of ${of}`, control, unit: "events/s", ours: whole.bulk, controls: whole.scan },
      "replay-verified": {
        ...{ what: `verified replay of ${of}`, control, unit: "events/s" },
        ...{ ours: whole.verified, controls: whole.scan },
      },
      "read-domain": {
        ...{ what: `one domain's state, in ${of}`, control: "replay of them all", ...times },
        ...{ ours: questions.domain.slice(0, fold.length), controls: fold },
      },
      "ask-at": {
        ...{ what: `a domain as of then, in ${of}`, control: "from the first event", ...times },
        ...{ ours: questions.checkpointed, controls: questions.zero },
      },
    },
    curves: [
      {
        ...{ id: "replay", title: "Replay", x: "events in the log", y: "events per second" },
        series: [
          { name: "scan + JSON.parse", points: byEvents.map(({ events, scan }) => [events, median(scan)]) },
          { name: "replay", points: byEvents.map(({ events, bulk }) => [events, median(bulk)]) },
          { name: "verified replay", points: byEvents.map(({ events, verified }) => [events, median(verified)]) },
        ],
      },
    ],
  };
}

/** Events per second by round. */
interface Replayed {
  readonly events: number;
  readonly scan: readonly number[];
  readonly bulk: readonly number[];
  readonly verified: readonly number[];
}

async function replayed(log: string, events: number, rounds: number): Promise<Replayed> {
  const rate = (work: () => Promise<void>) => async () => (events / (await milliseconds(work))) * 1000;
  const figures = await interleaved(rounds, {
    scan: rate(() => scanAndParse(log, events)),
    bulk: rate(() => fold(log, false)),
    verified: rate(() => fold(log, true)),
  });
  return { events, ...figures };
}

async function scanAndParse(folder: string, events: number): Promise<void> {
  const db = new Level(folder);
  const values = db.values({ ...recordKeys(1), highWaterMarkBytes: 4 * 1024 * 1024 });
  let read = 0;
  for (let lines = await values.nextv(1000); lines.length > 0; lines = await values.nextv(1000)) {
    for (const line of lines) read += JSON.parse(line) === null ? 0 : 1;
  }
  await values.close();
  await db.close();
  if (read !== events) throw new Error(`${read} records were read, not ${events}`);
}

/** Reading proves each record's hash and its link to the one before; `verified` is a second reader that trusts the first in nothing. */
async function fold(folder: string, verified: boolean): Promise<void> {
  const log = await openLevelEventLog(folder, options);
  const states = new Map<string, DomainState>();
  const chain = new Chain(sha256);
  for await (const stored of log.read()) {
    const { record } = stored;
    const why = verified ? chain.prove(stored) : null;
    if (why !== null) throw new Error(`${record.position}: ${why}`);
    if (record.domain === null) continue;
    const state = states.get(record.domain) ?? emptyState(record.domain);
    states.set(record.domain, state);
    apply(state, record);
  }
  await log.close();
}

/** Milliseconds: of one domain's state as a reading verb gets it, and of `--at` with checkpoints and without. */
async function asked(folder: string, home: string, events: number) {
  const log = await openLevelEventLog(folder, options);
  const at = join(home, "checkpoints");
  mkdirSync(at);
  const checkpoints = cachedStateFiles(at);
  const { domains } = await readDirectory(log, checkpoints);
  const ids = [...domains.keys()];
  for (const id of ids) await readDomainState(log, id, checkpoints);
  const times = { domain: [] as number[], checkpointed: [] as number[], zero: [] as number[] };
  for (let round = 0; round < 9; round++) {
    const id = ids[round % ids.length] ?? "";
    times.domain.push(await milliseconds(() => readDomainState(log, id, checkpoints)));
  }
  for (const [i, part] of [0.35, 0.5, 0.65, 0.8, 0.95].entries()) {
    const [id = "", then] = [ids[i], Math.floor(part * events)];
    times.checkpointed.push(await milliseconds(() => ask(log, checkpoints, id, then)));
    times.zero.push(await milliseconds(() => ask(log, nothingCached, id, then)));
  }
  await log.close();
  return times;
}

/** `--at`: the directory, then one domain at a position. */
async function ask(log: EventLog, checkpoints: CachedStates, domain: string, at: number): Promise<void> {
  const access: LogAccess = { use: (work) => work(log), close: () => log.close() };
  const stateNamed = foldedOnce({
    log: access,
    states: {
      domain: (open, id, upTo) => readDomainState(open, id, checkpoints, upTo),
      directory: (open) => readDirectory(open, checkpoints),
      files: (open) => readFiles(open, checkpoints),
    },
  });
  await stateNamed(domain, { at });
}
