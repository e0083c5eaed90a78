/**
 * How fast durable appends are, indexes included, for 1 to 512 callers that each wait for their append before the next
 * one. Disks are noisy, so only ratios within one run mean anything: all candidates take turns, and medians are kept.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Level } from "level";
import type { Actor, NewEvent } from "../src/events/events.ts";
import { uuidv7 } from "../src/events/ids.ts";
import { createLevelEventLog } from "../src/events/level-log.ts";
import { systemRandom } from "../src/events/random.ts";

const rounds = 9;
const roundMs = 300;
const pauseMs = 150;
const batchSize = 64;

const clock = Date.now;
const newId = uuidv7(clock, systemRandom());
const actor: Actor = {
  user: "ana",
  uid: 1000,
  loginUid: 1000,
  sudoUser: null,
  host: "hv1",
  via: "library",
  knownBy: "process",
};
const domains = Array.from({ length: 8 }, newId);

/** With a command id, so that both indexes are written. */
function event(caller: number): NewEvent {
  const envelope = { actor, reason: "nightly", ticket: null, operation: newId(), commandId: newId() };
  return {
    ...envelope,
    domain: domains[caller % domains.length] ?? "",
    type: "DomainStopped",
    schema: 1,
    data: { cause: "destroyed" },
  };
}

/** Runs for one round; resolves with events per second. */
type Candidate = () => Promise<number>;

async function perSecond(callers: number, events: number, work: (caller: number) => Promise<unknown>): Promise<number> {
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

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-append-"));
  const raw = new Level(join(folder, "raw"), { writeBufferSize: 32 * 1024 * 1024 });
  const log = await createLevelEventLog(join(folder, "log"), { clock, newId, actor });
  const [sample] = await log.append([event(0)]);
  const value = JSON.stringify(sample);
  let key = 0;
  const nextKey = (): string => String(++key).padStart(16, "0");

  const candidates: Record<string, Candidate> = {
    "synced put, one at a time": () => perSecond(1, 1, () => raw.put(nextKey(), value, { sync: true })),
    "raw chained batch of 64": () =>
      perSecond(1, batchSize, () => {
        const batch = raw.batch();
        for (let i = 0; i < batchSize; i++) batch.put(nextKey(), value);
        return batch.write({ sync: true });
      }),
  };
  for (const callers of [1, 8, 64, 512])
    candidates[`append, ${callers} callers`] = () => perSecond(callers, 1, (caller) => log.append([event(caller)]));

  const rates = new Map<string, number[]>(Object.keys(candidates).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, candidate] of Object.entries(candidates)) {
      rates.get(name)?.push(await candidate());
      // LevelDB still sorts what the last one wrote; that must not be the next one's burden.
      await sleep(pauseMs);
    }
  await Promise.all([raw.close(), log.close()]);
  await rm(folder, { recursive: true });
  report(new Map([...rates].map(([name, found]) => [name, median(found)])), value.length);
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function report(rates: Map<string, number>, bytes: number): void {
  const [put = 1, batch = 1] = rates.values();
  console.log(`${cpus().length} x ${cpus()[0]?.model ?? "?"}, Linux ${release()}, Node ${process.version}`);
  console.log(`records of ${bytes} bytes; medians of ${rounds} interleaved rounds of ${roundMs} ms\n`);
  console.log(`${"".padEnd(28)}${"events/s".padStart(10)}${"/ put".padStart(9)}${"/ batch 64".padStart(12)}`);
  for (const [name, rate] of rates) {
    const columns = [
      rate.toFixed(0).padStart(10),
      (rate / put).toFixed(2).padStart(9),
      (rate / batch).toFixed(2).padStart(12),
    ];
    console.log(name.padEnd(28) + columns.join(""));
  }
  console.log("\nwanted of 64 callers: at least 6.00 of put, 0.40 of batch 64");
}

await main();
