import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { describe, expect, it } from "vitest";
import { createLevelEventLog, openLevelEventLog, type LevelEventLog } from "../../../../src/events/level/level-log.ts";
import { domainKeys, recordKey } from "../../../../src/events/level/keys.ts";
import { sha256 } from "../../../../src/events/hash.ts";
import { verifyLog } from "../../../../src/events/verify.ts";
import { actor, stopped } from "../../../support/events.ts";
import { freshFolder } from "../../../support/folders.ts";

const domain = "0190a000-0000-7000-8000-00000000000a";
const parts = { clock: () => Date.UTC(2026, 0, 1), newId: () => "0190a000-0000-7000-9000-000000000001" };

/** A closed log of 10 records. */
async function tenRecords(): Promise<string> {
  const folder = join(freshFolder(), "log");
  const log = await createLevelEventLog(folder, { ...parts, actor });
  await log.append(Array.from({ length: 9 }, () => stopped(domain)));
  await log.close();
  return folder;
}

/** Changes the database behind the log's back. */
async function tamper(folder: string, change: (db: Level) => Promise<void>): Promise<void> {
  const db = new Level(folder);
  await change(db);
  await db.close();
}

async function replaceIn(db: Level, position: number, from: string, to: string): Promise<void> {
  const line = await db.get(recordKey(position));
  expect(line).toContain(from);
  await db.put(recordKey(position), line.replace(from, to));
}

async function withLog<T>(folder: string, work: (log: LevelEventLog) => Promise<T>): Promise<T> {
  const log = await openLevelEventLog(folder, parts);
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

const damagedAt = (position: number): object =>
  expect.objectContaining({ code: "LOG_DAMAGED", facts: expect.objectContaining({ position }) as object }) as object;

describe("a log that was changed behind its back", () => {
  it("is told by verify at the record that was altered, with the number proven before it", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => replaceIn(db, 6, '"user":"ana"', '"user":"eve"'));
    expect(await withLog(folder, (log) => verifyLog(log))).toMatchObject({
      ok: false,
      valid: 5,
      head: { position: 10 },
      firstBad: { position: 6, why: "its hash is not that of its bytes" },
    });
  });

  it("is damaged, not from a newer version, when the type of a record was altered", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => replaceIn(db, 6, '"type":"DomainSt', '"type":"DomainSu'));
    await expect(withLog(folder, (log) => readAll(log))).rejects.toEqual(damagedAt(6));
    expect(await withLog(folder, (log) => verifyLog(log))).toMatchObject({ ok: false, firstBad: { position: 6 } });
  });

  it("is told by verify when an altered record was sealed anew", async () => {
    const folder = await tenRecords();
    await tamper(folder, async (db) => {
      const text = (await db.get(recordKey(6))).slice(0, -82).replace('"user":"ana"', '"user":"eve"');
      await db.put(recordKey(6), `${text},"hash":"sha256:${sha256(text)}"}`);
    });
    const { firstBad } = await withLog(folder, (log) => verifyLog(log));
    expect(firstBad).toEqual({ position: 7, why: "its previousHash is not the hash of the record before it" });
  });

  it("is told by reading and by verify when a record is gone from the middle", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => db.del(recordKey(4)));
    await withLog(folder, async (log) => {
      await expect(readAll(log)).rejects.toEqual(damagedAt(4));
      expect(await verifyLog(log)).toMatchObject({
        ok: false,
        valid: 3,
        firstBad: { position: 4, why: "it is missing" },
      });
    });
  });

  it("is told by reading a domain when its index leads to another's record", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => db.put(domainKeys(domain, 3).gte, recordKey(2)));
    await withLog(folder, async (log) => {
      await expect(readAll(log, domain)).rejects.toEqual(damagedAt(2));
    });
  });

  it("is told by verify when an index entry is gone", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => db.del(domainKeys(domain, 3).gte));
    expect(await withLog(folder, (log) => verifyLog(log))).toMatchObject({
      ok: false,
      firstBad: { position: 4, why: "an index does not lead to it" },
    });
  });

  it("is refused at opening when its last record was altered", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => replaceIn(db, 10, '"user":"ana"', '"user":"eve"'));
    await expect(openLevelEventLog(folder, parts)).rejects.toEqual(damagedAt(10));
  });

  it("is refused at opening when its last record is not JSON, or lies under another position", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => db.put(recordKey(10), "not a record"));
    await expect(openLevelEventLog(folder, parts)).rejects.toEqual(damagedAt(10));
    await tamper(folder, async (db) => db.put(recordKey(10), await db.get(recordKey(9))));
    await expect(openLevelEventLog(folder, parts)).rejects.toEqual(damagedAt(10));
  });

  it("is refused at opening when it has no first record, and when it has none at all", async () => {
    const folder = await tenRecords();
    await tamper(folder, (db) => db.del(recordKey(1)));
    await expect(openLevelEventLog(folder, parts)).rejects.toEqual(damagedAt(1));
    await tamper(folder, (db) => db.clear());
    await expect(openLevelEventLog(folder, parts)).rejects.toEqual(damagedAt(1));
  });

  it("is LOG_DAMAGED with a next step when LevelDB cannot read its own files", async () => {
    const folder = await tenRecords();
    const manifest = (await readdir(folder)).find((name) => name.startsWith("MANIFEST")) ?? "";
    await writeFile(join(folder, manifest), "overwritten");
    await expect(openLevelEventLog(folder, parts)).rejects.toMatchObject({
      code: "LOG_DAMAGED",
      hint: expect.stringContaining("snapledger salvage") as string,
    });
    await rm(join(folder, manifest));
    await expect(openLevelEventLog(folder, parts)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
  });

  it("is not appended to when it was opened for reading only", async () => {
    const log = await openLevelEventLog(await tenRecords(), { ...parts, readOnly: true });
    await expect(log.append([stopped(domain)])).rejects.toMatchObject({ code: "LOG_UNWRITABLE" });
    expect(await log.revision(domain)).toBe(9);
    await log.close();
  });
});

async function readAll(log: LevelEventLog, domain?: string): Promise<void> {
  const records = domain === undefined ? log.read() : log.readDomain(domain);
  for await (const { record } of records) expect(record.position).toBeGreaterThan(0);
}
