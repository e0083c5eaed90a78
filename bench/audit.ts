/**
 * How fast a log is replayed and asked about its past, against controls in the same run: bulk replay and verified replay
 * against a scan with JSON.parse, `--at` with checkpoints against the same from zero. `tsx bench/audit.ts [EVENTS]`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { foldedOnce } from "../src/as-of.ts";
import { checkpointFiles, noCheckpoints, readDirectory, readDomainState } from "../src/checkpoints.ts";
import type { Checkpoints } from "../src/checkpoints.ts";
import type { NewEvent } from "../src/events/events.ts";
import { sha256 } from "../src/events/hash.ts";
import type { LogAccess } from "../src/events/log.ts";
import { indexKeys, recordKey, recordKeys } from "../src/events/level-keys.ts";
import { createLevelEventLog, openLevelEventLog } from "../src/events/level-log.ts";
import type { LevelEventLog } from "../src/events/level-log.ts";
import { beforeFirst, checkHash, checkLink, parseRecord, sealRecord, type Link } from "../src/events/seal.ts";
import { apply } from "../src/projections/domain.ts";
import { emptyState } from "../src/projections/state.ts";
import type { DomainState } from "../src/projections/state.ts";
import { alice, Historian } from "../test/histories.ts";

const events = Number(process.argv[2] ?? 1_000_000);
const domains = 20;
/** More of the short ones: they are disturbed more easily. */
const rounds = events > 200_000 ? 3 : 9;
const clock = Date.now;
let made = 0;
const newId = () => `00000000-0000-7000-9000-${String(++made).padStart(12, "0")}`;

/** A life of a domain from definition to the end of it, decided by the real rules: told again and again. */
function life(): { readonly id: string; readonly events: NewEvent[] } {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  for (let i = 0; i < 120; i++) {
    historian.play({ verb: "create", domain: id, pick: i + 1 });
    if (i % 4 === 1) historian.play({ verb: "move", domain: id, pick: i * 7 });
    if (i % 5 === 2) historian.play({ verb: "merge", domain: id, pick: i * 3 });
    if (i % 6 === 3) historian.play({ verb: "discard", domain: id, pick: i * 5, force: true });
    historian.play({ verb: "fold", domain: id });
    historian.play({ verb: "remove", domain: id });
  }
  for (let i = 0; i < 50 && historian.state(id).defined; i++) {
    historian.play({ verb: "fold", domain: id });
    historian.play({ verb: "undefine", domain: id, force: true, pick: 2 });
  }
  if (historian.state(id).defined) throw new Error("the life has no end");
  historian.play({ verb: "remove", domain: id });
  const own = historian.records.filter(({ domain }) => domain === id);
  return {
    id,
    events: own.map(
      ({ operation, type, schema, data }) => ({ ...envelope, domain: id, operation, type, schema, data }) as NewEvent,
    ),
  };
}

const envelope = { actor: alice, reason: "nightly", ticket: null, commandId: null };

/** Sealed like any other, but in large batches that are not synced. Resolves with the domains' ids. */
async function fill(folder: string): Promise<string[]> {
  await (await createLevelEventLog(folder, { clock, newId, actor: alice })).close();
  const db = new Level(folder, { writeBufferSize: 32 * 1024 * 1024 });
  const template = life();
  const text = JSON.stringify(template.events);
  const lives = Array.from({ length: domains }, (_, i) => {
    const id = newId();
    const own = text.replaceAll(template.id, id).replaceAll(`vm-${template.id.slice(-2)}`, `vm-${i}`);
    return { id, events: JSON.parse(own) as NewEvent[] };
  });
  let previous: Link = parseRecord(await db.get(recordKey(1)));
  for (let turn = 0; previous.position < events; turn++) {
    const batch = db.batch();
    for (const { events: own } of lives) {
      const event = own[turn % own.length];
      if (!event) continue;
      const { record, line } = sealRecord(event, { id: newId(), previous, revision: turn + 1, now: clock() }, sha256);
      const key = recordKey(record.position);
      batch.put(key, line);
      for (const indexKey of indexKeys(record, key)) batch.put(indexKey, key);
      previous = record;
    }
    await batch.write();
  }
  await db.close();
  return lives.map(({ id }) => id);
}

async function scanAndParse(folder: string): Promise<void> {
  const db = new Level(folder);
  const values = db.values({ ...recordKeys(1), highWaterMarkBytes: 4 * 1024 * 1024 });
  let read = 0;
  for (let lines = await values.nextv(1000); lines.length > 0; lines = await values.nextv(1000)) {
    for (const line of lines) read += JSON.parse(line) === null ? 0 : 1;
  }
  await values.close();
  await db.close();
  if (read < events) throw new Error(`only ${read} records were read`);
}

async function replay(folder: string, verified: boolean): Promise<void> {
  const log = await openLevelEventLog(folder, { clock, newId });
  const states = new Map<string, DomainState>();
  let previous: Link = beforeFirst;
  for await (const { record, line } of log.read()) {
    const state = record.domain === null ? undefined : (states.get(record.domain) ?? emptyState(record.domain));
    if (verified) {
      const why = checkHash(line, sha256) ?? checkLink(record, previous, state ? state.revision : null);
      if (why !== null) throw new Error(`${record.position}: ${why}`);
      previous = record;
    }
    if (!state) continue;
    states.set(state.id, state);
    apply(state, record);
  }
  await log.close();
}

/** `--at`: the directory, then one domain at a position. */
async function ask(log: LevelEventLog, checkpoints: Checkpoints, domain: string, at: number): Promise<void> {
  const access: LogAccess = { use: (work) => work(log), close: () => log.close() };
  const stateNamed = foldedOnce({
    log: access,
    states: {
      domain: (open, id, upTo) => readDomainState(open, id, checkpoints, upTo),
      directory: (open) => readDirectory(open, checkpoints),
    },
  });
  await stateNamed(domain, { at });
}

/** Of the clock, and of the processor: the one is what people wait, the other is not bent by what else is running. */
interface Taken {
  readonly ms: number;
  readonly cpuMs: number;
}

async function taken(work: () => Promise<void>): Promise<Taken> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000 };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-audit-"));
  try {
    const path = join(folder, "log");
    const ids = await fill(path);
    const times = { scan: [] as Taken[], bulk: [] as Taken[], verified: [] as Taken[] };
    for (let round = 0; round < rounds; round++) {
      times.scan.push(await taken(() => scanAndParse(path)));
      times.bulk.push(await taken(() => replay(path, false)));
      times.verified.push(await taken(() => replay(path, true)));
    }
    const asked = { checkpointed: [] as Taken[], zero: [] as Taken[] };
    const log = await openLevelEventLog(path, { clock, newId });
    const checkpoints = checkpointFiles(folder);
    for (const id of ids) await readDomainState(log, id, checkpoints);
    await readDirectory(log, checkpoints);
    for (const [i, part] of [0.15, 0.35, 0.55, 0.75, 0.95].entries()) {
      const [id = "", at] = [ids[i], Math.floor(part * events)];
      asked.checkpointed.push(await taken(() => ask(log, checkpoints, id, at)));
      asked.zero.push(await taken(() => ask(log, noCheckpoints, id, at)));
    }
    const domainAlone = await taken(async () => {
      await readDomainState(log, ids[0] ?? "", noCheckpoints);
    });
    await log.close();
    report(times, asked, domainAlone);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function report(
  { scan, bulk, verified }: Record<"scan" | "bulk" | "verified", Taken[]>,
  { checkpointed, zero }: Record<"checkpointed" | "zero", Taken[]>,
  domainAlone: Taken,
): void {
  const ms = (times: Taken[]) => median(times.map((one) => one.ms));
  const perSecond = (times: Taken[]) => `${((events / ms(times)) * 1000).toFixed(0)} events/s`.padStart(18);
  // Of each round by itself: what else the machine does changes between rounds more than within one.
  const ratio = (of: Taken[], to: Taken[], what: keyof Taken) =>
    median(of.map((one, i) => one[what] / (to[i]?.[what] ?? NaN))).toFixed(2);
  const ratios = (of: Taken[], to: Taken[]) =>
    `${ratio(of, to, "ms")} of it (of its processor time: ${ratio(of, to, "cpuMs")})`;
  console.log(`${cpus().length} x ${cpus()[0]?.model ?? "?"}, Linux ${release()}, Node ${process.version}`);
  console.log(`${events} events of ${domains} domains; medians of ${rounds} interleaved rounds, ratios too\n`);
  console.log(`scan + JSON.parse    ${perSecond(scan)}`);
  console.log(`bulk replay          ${perSecond(bulk)}  ${ratios(scan, bulk)}; wanted: at least 0.5`);
  console.log(`verified replay      ${perSecond(verified)}  ${ratios(scan, verified)}; wanted: at least 0.4`);
  console.log(
    `--at, from zero      ${ms(zero).toFixed(1)} ms (one domain's events alone: ${domainAlone.ms.toFixed(1)} ms)`,
  );
  const faster = ratio(zero, checkpointed, "ms");
  console.log(`--at, checkpointed   ${ms(checkpointed).toFixed(1)} ms, ${faster} times as fast; wanted: at least 20`);
}

await main();
