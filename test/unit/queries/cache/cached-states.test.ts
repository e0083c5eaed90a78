import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cachedStateFiles,
  foldedBeforeSaving,
  nothingCached,
  readDirectory,
  readDomainState,
} from "../../../../src/queries/cache/cached-states.ts";
import type { NewEvent } from "../../../../src/events/events.ts";
import type { EventLog } from "../../../../src/events/log.ts";
import { createLevelEventLog } from "../../../../src/events/level/level-log.ts";
import { memoryEventLog } from "../../../../src/events/memory-log.ts";
import { parseDirectory, writeDirectory } from "../../../../src/projections/serialize.ts";
import { compare } from "../../../../src/projections/replay/compare.ts";
import { freshFolder } from "../../../support/folders.ts";
import { alice, Historian } from "../../../support/histories.ts";

const historian = new Historian();
const [web = "", db = ""] = historian.domains;
const options = { clock: () => Date.UTC(2026, 0, 1), newId: historian.newId };

/** A definition, then a guest that starts and stops until the domain has this many events or a few more. */
function eventsOf(domain: string, events: number): NewEvent[] {
  historian.play({ verb: "define", domain });
  while (historian.state(domain).revision < events) {
    historian.play({ verb: "start", domain });
    historian.play({ verb: "stop", domain });
  }
  return historian.records.filter((record) => record.domain === domain);
}

async function appendAll(log: EventLog, events: readonly NewEvent[]): Promise<void> {
  for (const { domain, actor, reason, ticket, operation, commandId, type, schema, data } of events) {
    const envelope = { domain, actor, reason, ticket, operation, commandId };
    await log.append([{ ...envelope, type, schema, data } as NewEvent]);
  }
}

/** The log, with what its readers asked for first. */
function watched(log: EventLog): EventLog & { asked: unknown[] } {
  const asked: unknown[] = [];
  return {
    ...log,
    asked,
    read: (range) => (asked.push(range), log.read(range)),
    readDomain: (domain, range) => (asked.push(range), log.readDomain(domain, range)),
  };
}

let log: EventLog;
const webEvents = eventsOf(web, foldedBeforeSaving + 10);
const dbEvents = eventsOf(db, 10);

beforeAll(async () => {
  log = await createLevelEventLog(join(freshFolder(), "log"), { ...options, actor: alice });
  await appendAll(log, [...webEvents, ...dbEvents]);
});
afterAll(() => log.close());

const folded = () => readDomainState(log, web, nothingCached);

describe("a domain's checkpoint", () => {
  test("is left after many events, and the next reader starts from it", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    const first = await readDomainState(log, web, checkpoints);
    expect(readdirSync(folder)).toEqual([`${web}.json`]);
    expect(statSync(join(folder, `${web}.json`)).mode & 0o777).toBe(0o600);
    const again = watched(log);
    const second = await readDomainState(again, web, checkpoints);
    expect(again.asked).toEqual([{ fromRevision: first.revision }]);
    expect(compare(second, await folded())).toEqual([]);
  });

  test("is folded on from by what came after it, and left as it is by a few events", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    const growing = memoryEventLog(options);
    await appendAll(growing, webEvents);
    await readDomainState(growing, web, checkpoints);
    const left = readFileSync(join(folder, `${web}.json`), "utf8");
    await appendAll(growing, webEvents.slice(-2));
    const state = await readDomainState(growing, web, checkpoints);
    expect(state.revision).toBe(webEvents.length + 2);
    expect(compare(state, await readDomainState(growing, web, nothingCached))).toEqual([]);
    expect(readFileSync(join(folder, `${web}.json`), "utf8")).toBe(left);
  });

  test("is not made for a few events", async () => {
    const folder = freshFolder();
    await readDomainState(log, db, cachedStateFiles(folder));
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of another history of the same domain is not used", async () => {
    const checkpoints = cachedStateFiles(freshFolder());
    const other = memoryEventLog({ ...options, clock: () => 0 });
    await appendAll(other, webEvents);
    await checkpoints.save({ ...(await readDomainState(other, web, nothingCached)), name: "other" });
    expect((await checkpoints.load(web))?.name).toBe("other");
    expect(compare(await readDomainState(log, web, checkpoints), await folded())).toEqual([]);
  });

  test("from beyond the end of a log that was put back is not used", async () => {
    const checkpoints = cachedStateFiles(freshFolder());
    await checkpoints.save(await folded());
    const shorter = memoryEventLog(options);
    await appendAll(shorter, webEvents.slice(0, 3));
    expect((await readDomainState(shorter, web, checkpoints)).revision).toBe(3);
  });

  test("with any byte changed is not used", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    await checkpoints.save(await folded());
    const path = join(folder, `${web}.json`);
    const bytes = readFileSync(path);
    for (const at of [0, 64, 65, 200, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      writeFileSync(path, changed);
      expect(await checkpoints.load(web)).toBeUndefined();
    }
    writeFileSync(path, bytes);
    expect(await checkpoints.load(web)).toBeDefined();
  });

  test("is not used for a position before it, and is for one after it", async () => {
    const checkpoints = cachedStateFiles(freshFolder());
    const early = await readDomainState(log, web, nothingCached, { upTo: 20 });
    expect(early.position).toBe(20);
    await checkpoints.save(early);
    const cases: [upTo: number, asked: unknown[]][] = [
      [10, [{ upTo: 10 }]],
      [20, [{ fromRevision: early.revision, upTo: 20 }]],
      [30, [{ fromRevision: early.revision, upTo: 30 }]],
    ];
    for (const [upTo, asked] of cases) {
      const reader = watched(log);
      const state = await readDomainState(reader, web, checkpoints, { upTo });
      expect([state.position, reader.asked]).toEqual([upTo, asked]);
      expect(compare(state, await readDomainState(log, web, nothingCached, { upTo }))).toEqual([]);
    }
  });

  test("that cannot be written costs nothing but itself, and leaves no other file", async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, "file"), "");
    for (const nowhere of [join(folder, "missing"), join(folder, "file")]) {
      expect(compare(await readDomainState(log, web, cachedStateFiles(nowhere)), await folded())).toEqual([]);
    }
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("is only ever that of a uuid: no name leads out of the folder", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(join(folder, "inside"));
    await checkpoints.save({ ...(await folded()), id: "../outside" });
    expect(await checkpoints.load("../outside")).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("the directory's checkpoint", () => {
  test("is left after many events, used by the next reader, and dropped when it is of another log", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    const first = await readDirectory(log, checkpoints);
    expect(readdirSync(folder)).toEqual(["directory.json"]);
    const again = watched(log);
    expect(compare(await readDirectory(again, checkpoints), first)).toEqual([]);
    expect(again.asked).toEqual([{ from: first.position }]);
    const other = memoryEventLog(options);
    expect((await readDirectory(other, checkpoints)).position).toBe(1);
    rmSync(join(folder, "directory.json"));
    expect(compare(await readDirectory(log, checkpoints), first)).toEqual([]);
  });

  test("with names that this version did not write is not used", async () => {
    const directory = await readDirectory(log, nothingCached);
    const text = writeDirectory(directory);
    const { rows, ...rest } = JSON.parse(text) as { rows: { names: Record<string, unknown[]> } };
    expect(parseDirectory(text)?.names).toEqual(directory.names);
    const odd = [
      {},
      { ...rows.names, names: [] },
      { ...rows.names, domains: rows.names["domains"]?.map(() => directory.domains.size) },
      { ...rows.names, defined: null },
    ];
    for (const names of odd)
      expect(parseDirectory(JSON.stringify({ ...rest, rows: { ...rows, names } }))).toBeUndefined();
  });
});
