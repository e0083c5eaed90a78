import { join } from "node:path";
import { Level } from "level";
import type { NewEvent } from "../../src/events/events.ts";
import { sha256 } from "../../src/events/hash.ts";
import { uuidv7 } from "../../src/events/ids.ts";
import type { EventLog } from "../../src/events/log.ts";
import { createLevelEventLog } from "../../src/events/level/level-log.ts";
import { systemRandom } from "../../src/system/random.ts";
import { initStore, openStore } from "../../src/store/store.ts";
import { alice } from "../../test/support/histories.ts";
import { median, quantile } from "../judge.ts";
import type { Emmett, Sqlite } from "../peers.ts";
import { interleaved, processorMs, type Candidate } from "../rounds.ts";
import type { Bench, Curve, Finding, Findings, Subject } from "../row.ts";

/**
 * Durable appends by callers that each wait for their append before the next one: indexes, hash chain and head file
 * included. All candidates take turns: what a disk can do changes within minutes.
 */
export const append: Subject = {
  name: "append",
  about: "durable appends at 1, 8, 64 and 512 callers, against raw LevelDB, better-sqlite3 and emmett",
  rows: [
    ...["append-1", "append-1-log", "append-8", "append-64", "append-64-log", "append-64-put", "append-512"],
    ...["append-64-cost", "append-1-sqlite", "append-64-sqlite", "append-1-emmett"],
  ],
  run,
};

const callerCounts = [1, 8, 64, 512] as const;
const batchSize = 64;
const newId = uuidv7(Date.now, systemRandom());
const domains = Array.from({ length: 8 }, newId);

/** With a command id, so that both indexes are written. In one piece: to put it together from parts costs as much as sealing it. */
function event(caller: number): NewEvent {
  return {
    domain: domains[caller % domains.length] ?? "",
    actor: alice,
    reason: "nightly",
    ticket: null,
    operation: newId(),
    commandId: newId(),
    type: "DomainStopped",
    schema: 1,
    data: { cause: "destroyed" },
  };
}

interface Rivals {
  readonly candidates: Readonly<Record<string, Candidate>>;
  close(): Promise<void>;
}

async function run({ quick, folder, peers: loadPeers }: Bench): Promise<Findings> {
  const peers = loadPeers();
  const roundMs = quick ? 150 : 300;
  const options = { clock: Date.now, newId };
  await initStore(join(folder, "store"), { ...options, actor: alice });
  const store = await openStore(join(folder, "store"), { ...options, waitMs: 0, hold: true });
  const bare = await createLevelEventLog(join(folder, "log"), { ...options, actor: alice });
  const [sample] = await bare.append([event(0)]);
  const value = JSON.stringify(sample);
  const latencies = new Map<number, number[]>(callerCounts.map((callers) => [callers, []]));
  const rivals = [
    levelRival(join(folder, "level"), value, roundMs),
    ...(typeof peers.sqlite === "string" ? [] : [sqliteRival(peers.sqlite, join(folder, "sqlite"), value, roundMs)]),
    ...(typeof peers.emmett === "string" ? [] : [emmettRival(peers.emmett, join(folder, "emmett"), roundMs)]),
  ];
  const parts = await bareParts(join(folder, "parts"), sample);
  const figures = await store.use((log) =>
    interleaved(
      quick ? 5 : 15,
      Object.assign(
        { "log-1": () => perSecond(bare, 1, roundMs), "log-64": () => perSecond(bare, 64, roundMs) },
        { "store-cost": () => appendCost(log), "parts-cost": parts.cost },
        ...callerCounts.map((callers) => ({
          [`store-${callers}`]: () => perSecond(log, callers, roundMs, latencies.get(callers)),
        })),
        ...rivals.map(({ candidates }) => candidates),
      ) as Record<string, Candidate>,
      quick ? 50 : 150,
    ),
  );
  await Promise.all([store.close(), bare.close(), parts.close(), ...rivals.map((rival) => rival.close())]);
  return { rows: rowsOf(figures, value.length, peers), curves: curvesOf(figures, latencies) };
}

/** One caller appends to one log until the round is over; how long each append took goes to `took` (milliseconds). */
async function perSecond(log: EventLog, callers: number, roundMs: number, took?: number[]): Promise<number> {
  return rate(callers, 1, roundMs, async (caller) => {
    const start = performance.now();
    await log.append([event(caller)]);
    took?.push(performance.now() - start);
  });
}

const costEvents = 100 * batchSize;

/** Microseconds of the processor for each event that 64 callers append, one after the other each. */
async function appendCost(log: EventLog): Promise<number> {
  const events = Array.from({ length: costEvents }, (_, i) => event(i));
  const call = async (caller: number): Promise<void> => {
    for (let i = caller; i < costEvents; i += batchSize) await log.append(events.slice(i, i + 1));
  };
  const took = await processorMs(() => Promise.all(Array.from({ length: batchSize }, (_, caller) => call(caller))));
  return (took / costEvents) * 1000;
}

/** The same for what no append can do without: the line, its hash, and a synced batch of three entries for each of 64. */
async function bareParts(folder: string, record: unknown) {
  const db = new Level(folder, { writeBufferSize: 32 * 1024 * 1024 });
  await db.open();
  let key = 0;
  const group = async (): Promise<void> => {
    const batch = db.batch();
    for (let i = 0; i < batchSize; i++) {
      const line = JSON.stringify(record);
      const at = String(++key).padStart(16, "0");
      batch
        .put(at, line)
        .put(`d${at}`, at)
        .put(`c${at}${sha256(line)}`, at);
    }
    await batch.write({ sync: true });
  };
  const cost = async (): Promise<number> => {
    const took = await processorMs(async () => {
      for (let done = 0; done < costEvents; done += batchSize) await group();
    });
    return (took / costEvents) * 1000;
  };
  return { cost, close: () => db.close() };
}

/** Events per second of callers that do one thing after the other, `events` of them at once. */
async function rate(
  callers: number,
  events: number,
  roundMs: number,
  work: (caller: number) => unknown,
): Promise<number> {
  const start = performance.now();
  let done = 0;
  const call = async (caller: number): Promise<void> => {
    while (performance.now() - start < roundMs) {
      await work(caller);
      done += events;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return (done / (performance.now() - start)) * 1000;
}

function levelRival(folder: string, value: string, roundMs: number): Rivals {
  const db = new Level(folder, { writeBufferSize: 32 * 1024 * 1024 });
  let key = 0;
  const nextKey = (): string => String(++key).padStart(16, "0");
  return {
    candidates: {
      put: () => rate(1, 1, roundMs, () => db.put(nextKey(), value, { sync: true })),
      batch: () =>
        rate(1, batchSize, roundMs, () => {
          const batch = db.batch();
          for (let i = 0; i < batchSize; i++) batch.put(nextKey(), value);
          return batch.write({ sync: true });
        }),
    },
    close: () => db.close(),
  };
}

/** The ready-made line alone, by its position: no hash, no other index. */
function sqliteRival(Database: Sqlite, file: string, value: string, roundMs: number): Rivals {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec("CREATE TABLE records (position INTEGER PRIMARY KEY, line TEXT NOT NULL)");
  const insert = db.prepare("INSERT INTO records (line) VALUES (?)");
  const insertBatch = () => {
    db.exec("BEGIN IMMEDIATE");
    for (let i = 0; i < batchSize; i++) insert.run(value);
    db.exec("COMMIT");
  };
  return {
    candidates: {
      sqlite: () => rate(1, 1, roundMs, () => insert.run(value)),
      "sqlite-batch": () => rate(1, batchSize, roundMs, insertBatch),
    },
    close() {
      db.close();
      return Promise.resolve();
    },
  };
}

/** One stream per domain, as ours. It fails some appends with SQLITE_BUSY, even a lone caller's: they are tried again. */
function emmettRival(emmett: Emmett, file: string, roundMs: number): Rivals {
  const store = emmett.getSQLiteEventStore({ fileName: file });
  const call = async (caller: number): Promise<void> => {
    const { domain, type, data, ...about } = event(caller);
    for (let attempt = 1; ; attempt++) {
      try {
        await store.appendToStream(domain ?? "", [{ type, data: { ...data, ...about } }]);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== "SQLITE_BUSY" || attempt === 100) throw error;
      }
    }
  };
  return { candidates: { emmett: () => rate(1, 1, roundMs, call) }, close: () => Promise.resolve() };
}

function rowsOf(
  figures: Record<string, number[]>,
  bytes: number,
  { sqlite, emmett }: ReturnType<Bench["peers"]>,
): Record<string, Finding> {
  const row = (what: string, ours: string, control: string, controls: string): Finding => ({
    ...{ what, control, unit: "events/s", ours: figures[ours] ?? [], controls: figures[controls] ?? [] },
  });
  const against = (peer: unknown, what: string, ours: string, control: string, controls: string): Finding =>
    typeof peer === "string" ? { what, missing: peer } : row(what, ours, control, controls);
  const put = "LevelDB, synced put";
  return {
    "append-1": row(`append of ${bytes} bytes, 1 caller`, "store-1", put, "put"),
    "append-1-log": row("append without head file, 1 caller", "log-1", put, "put"),
    "append-8": row("append, 8 callers", "store-8", put, "put"),
    "append-64": row("append, 64 callers", "store-64", "LevelDB, synced batch of 64", "batch"),
    "append-64-log": row("append without head file, 64 callers", "log-64", "LevelDB, synced batch of 64", "batch"),
    "append-64-put": row("append, 64 callers", "store-64", put, "put"),
    "append-512": row("append, 512 callers", "store-512", put, "put"),
    "append-64-cost": {
      ...{ what: "an event of the processor's time, 64 callers", control: "JSON, SHA-256 and three puts", unit: "µs" },
      ...{ ours: figures["store-cost"] ?? [], controls: figures["parts-cost"] ?? [] },
    },
    "append-1-sqlite": against(
      sqlite,
      "append without head file, 1 caller",
      "log-1",
      "better-sqlite3, WAL, FULL",
      "sqlite",
    ),
    "append-64-sqlite": against(
      ...([sqlite, "append without head file, 64 callers", "log-64"] as const),
      ...(["better-sqlite3, transaction of 64", "sqlite-batch"] as const),
    ),
    "append-1-emmett": against(emmett, "append, 1 caller", "store-1", "emmett-sqlite", "emmett"),
  };
}

function curvesOf(figures: Record<string, number[]>, latencies: ReadonlyMap<number, number[]>): Curve[] {
  const level = (name: string, of: string) => ({
    name,
    points: callerCounts.map((callers) => [callers, median(figures[of] ?? [])] as const),
  });
  const peer = figures["sqlite"] ? [level("better-sqlite3, one caller", "sqlite")] : [];
  const ours = callerCounts.map((callers) => [callers, median(figures[`store-${callers}`] ?? [])] as const);
  const latency = (name: string, part: number) => ({
    name,
    points: [...latencies].map(([callers, took]) => [callers, quantile(took, part)] as const),
  });
  return [
    {
      ...{ id: "append", title: "Durable appends", x: "callers", y: "events per second" },
      series: [
        { name: "snapledger", points: ours },
        level("LevelDB, batch of 64", "batch"),
        level("LevelDB, one put after the other", "put"),
        ...peer,
      ],
    },
    {
      ...{ id: "latency", title: "How long an append takes", x: "callers", y: "milliseconds" },
      series: [latency("median", 0.5), latency("99 of 100", 0.99)],
    },
  ];
}
