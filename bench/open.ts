/**
 * What opening a store of a million events costs, against a bare script that opens the same LevelDB and reads one key.
 * If it grew with the log, it would be read as a whole somewhere.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import type { Actor } from "../src/events/events.ts";
import { sha256 } from "../src/events/hash.ts";
import { uuidv7 } from "../src/events/ids.ts";
import { indexKeys, recordKey } from "../src/events/level-keys.ts";
import { systemRandom } from "../src/events/random.ts";
import { parseRecord, sealRecord, type Link } from "../src/events/seal.ts";
import { initStore, openStore, storeLayout } from "../src/events/store.ts";

const events = Number(process.argv[2] ?? 1_000_000);
const rounds = 31;
const clock = Date.now;
const newId = uuidv7(clock, systemRandom());
const actor: Actor = {
  ...{ user: "ana", uid: 1000, loginUid: 1000, sudoUser: null },
  ...{ host: "hv1", via: "library", knownBy: "process" },
};

/** Sealed like any other, but in large batches that are not synced. */
async function fill(folder: string): Promise<void> {
  const db = new Level(folder, { writeBufferSize: 32 * 1024 * 1024 });
  let previous: Link = parseRecord(await db.get(recordKey(1)));
  const domains = Array.from({ length: 100 }, newId);
  const revisions = new Map<string, number>();
  while (previous.position < events) {
    const batch = db.batch();
    for (let i = 0; i < 5000 && previous.position < events; i++) {
      const domain = domains[previous.position % domains.length] ?? "";
      const revision = (revisions.get(domain) ?? 0) + 1;
      revisions.set(domain, revision);
      const envelope = { domain, actor, reason: null, ticket: null, operation: newId(), commandId: newId() };
      const event = { ...envelope, type: "DomainStopped", schema: 1, data: { cause: "destroyed" } } as const;
      const { record, line } = sealRecord(event, { id: newId(), previous, revision, now: clock() }, sha256);
      const key = recordKey(record.position);
      batch.put(key, line);
      for (const indexKey of indexKeys(record, key)) batch.put(indexKey, key);
      previous = record;
    }
    await batch.write();
  }
  await db.close();
}

async function bare(folder: string): Promise<void> {
  const db = new Level(folder);
  await db.get(recordKey(events));
  await db.close();
}

async function store(folder: string): Promise<void> {
  const access = await openStore(folder, { clock, newId, waitMs: 0, hold: false });
  await access.use(async (log) => {
    for await (const { record } of log.read({ from: events })) if (record.position === events) return;
    throw new Error(`position ${events} was not found`);
  });
}

async function milliseconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-open-"));
  try {
    const filled = join(folder, "filled");
    await initStore(filled, { clock, newId, actor });
    const { log } = storeLayout(filled);
    const fillMs = await milliseconds(() => fill(log));
    const [bareMs, storeMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      bareMs.push(await milliseconds(() => bare(log)));
      storeMs.push(await milliseconds(() => store(filled)));
    }
    console.log(`${cpus().length} x ${cpus()[0]?.model ?? "?"}, Linux ${release()}, Node ${process.version}`);
    console.log(
      `${events} events, written in ${(fillMs / 1000).toFixed(1)} s; medians of ${rounds} interleaved rounds\n`,
    );
    console.log(`bare LevelDB: open, get, close       ${median(bareMs).toFixed(2)} ms`);
    console.log(`store: open, read one record, close  ${median(storeMs).toFixed(2)} ms`);
    console.log(`ratio                                ${(median(storeMs) / median(bareMs)).toFixed(2)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

await main();
