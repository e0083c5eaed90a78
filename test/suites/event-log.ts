import { afterEach, describe, expect, it } from "vitest";
import { isSnapledgerError, type ErrorCode } from "../../src/errors.ts";
import type { EventRecord } from "../../src/events/events.ts";
import { sha256 } from "../../src/events/hash.ts";
import { limits } from "../../src/events/limits.ts";
import type { EventLog, StoredRecord } from "../../src/events/log.ts";
import { trailerLength, zeroHash } from "../../src/events/seal.ts";
import { verifyLog } from "../../src/events/verify.ts";
import { actor, rejected, stopped } from "../support/events.ts";

/** One implementation under test: what it is made of, and how its writes can be made to fail. */
export interface LogUnderTest {
  readonly log: EventLog;
  /** Closes the log and opens what it stored again. */
  reopen(): Promise<EventLog>;
  /** The next group fails after it reached the disk. */
  failNextWrite(): void;
  cleanUp(): Promise<void>;
}
export interface LogParts {
  readonly clock: () => number;
  readonly newId: () => string;
}

const alpha = "0190a000-0000-7000-8000-00000000000a";
const beta = "0190a000-0000-7000-8000-00000000000b";

/** What every EventLog must do. */
export function testEventLog(name: string, factory: (parts: LogParts) => Promise<LogUnderTest>): void {
  describe(`${name} event log`, () => {
    let now = Date.UTC(2026, 0, 1);
    let ids = 0;
    let used: LogUnderTest | undefined;
    const parts: LogParts = {
      clock: () => now,
      newId: () => `0190a000-0000-7000-9000-${String(++ids).padStart(12, "0")}`,
    };
    const fresh = async (): Promise<LogUnderTest> => (used = await factory(parts));
    afterEach(async () => {
      await used?.cleanUp();
      used = undefined;
    });

    it("starts with LogCreated at position 1, after a hash of zeros", async () => {
      const { log } = await fresh();
      const [first] = await all(log.read());
      expect(first?.record).toMatchObject({ position: 1, type: "LogCreated", domain: null, revision: null });
      expect(first?.record.previousHash).toBe(zeroHash);
      const head = await log.head();
      expect(head).toEqual({ logId: head.logId, position: 1, hash: first?.record.hash });
      expect(first?.record.data).toEqual({ logId: head.logId, format: 1 });
    });

    it("numbers positions over the log and revisions per domain, without gaps", async () => {
      const { log } = await fresh();
      await log.append([stopped(alpha), stopped(alpha)]);
      await log.append([stopped(beta)]);
      await log.append([stopped(alpha)]);
      const records = (await all(log.read())).map(({ record }) => record);
      expect(records.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]);
      expect(records.map(({ revision }) => revision)).toEqual([null, 1, 2, 1, 3]);
      expect([await log.revision(alpha), await log.revision(beta), await log.revision("no-one")]).toEqual([3, 1, 0]);
    });

    it("gives back what it stored, field by field, and stores what it gave back", async () => {
      const { log } = await fresh();
      const event = { ...rejected(alpha, { any: [1, "two", null, { deep: true }] }), reason: "because", ticket: "T-1" };
      const [appended] = await log.append([{ ...event, operation: "op", commandId: "cmd" }]);
      const [, stored] = await all(log.read());
      expect(stored?.record).toEqual(appended);
      expect(JSON.parse(stored?.line ?? "")).toEqual(appended);
      expect(appended).toMatchObject({ ...event, operation: "op", commandId: "cmd", actor });
      expect(Object.keys(appended ?? {}).join(" ")).toBe(
        "position id domain revision type schema time actor reason ticket operation commandId previousHash data hash",
      );
    });

    it("ends every line with a hash over all bytes before it", async () => {
      const { log } = await fresh();
      await log.append([rejected(alpha, { trap: ',"hash":"sha256:' })]);
      for (const { line, record } of await all(log.read())) {
        const bytes = Buffer.from(line);
        expect(bytes.subarray(-trailerLength).toString()).toBe(`,"hash":"${record.hash}"}`);
        expect(record.hash).toBe(`sha256:${sha256(bytes.subarray(0, -trailerLength).toString())}`);
      }
    });

    it("proves its whole chain", async () => {
      const { log } = await fresh();
      for (let i = 0; i < 30; i++)
        await log.append([stopped(i % 3 === 0 ? alpha : beta), stopped(i % 3 === 0 ? alpha : beta)]);
      const verdict = await verifyLog(log);
      expect(verdict).toMatchObject({ ok: true, head: await log.head(), valid: 61, firstBad: null });
    });

    it("appends all events of a call or none", async () => {
      const { log } = await fresh();
      const tooLarge = { ...stopped(alpha), reason: "x".repeat(limits.reasonBytes + 1) };
      await refuses(log.append([stopped(alpha), tooLarge, stopped(alpha)]), "TOO_LARGE");
      expect((await log.head()).position).toBe(1);
      await log.append([stopped(alpha)]);
      expect(await log.revision(alpha)).toBe(1);
    });

    it("refuses events of two domains in one call", async () => {
      const { log } = await fresh();
      await refuses(log.append([stopped(alpha), stopped(beta)]), "USAGE");
      expect((await log.head()).position).toBe(1);
    });

    it("appends nothing for no events, but still checks what was expected", async () => {
      const { log } = await fresh();
      expect(await log.append([])).toEqual([]);
      await refuses(log.append([], { expectedPosition: 7 }), "REVISION_CONFLICT");
    });

    it("checks the expected revision, and says what it is instead", async () => {
      const { log } = await fresh();
      await log.append([stopped(alpha)], { expectedRevision: 0 });
      const conflict = await refuses(log.append([stopped(alpha)], { expectedRevision: 0 }), "REVISION_CONFLICT");
      expect(conflict.facts).toEqual({ what: "revision", expected: 0, actual: 1 });
      await log.append([stopped(alpha)], { expectedRevision: 1 });
      expect(await log.revision(alpha)).toBe(2);
    });

    it("checks the expected position of the whole log", async () => {
      const { log } = await fresh();
      await log.append([stopped(alpha)], { expectedPosition: 1 });
      await refuses(log.append([stopped(beta)], { expectedPosition: 1 }), "REVISION_CONFLICT");
      expect((await log.head()).position).toBe(2);
    });

    it("lets exactly one of two that overlap have the revision both expect", async () => {
      const { log } = await fresh();
      const both = [1, 2].map(() => log.append([stopped(alpha)], { expectedRevision: 0 }));
      expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    });

    it("keeps 64 overlapping callers apart, each in the order it called", async () => {
      const { log } = await fresh();
      const domains = Array.from({ length: 8 }, (_, i) => `0190a000-0000-7000-8000-1000000000${i}0`);
      const callers = Array.from({ length: 64 }, async (_, caller) => {
        const seen: EventRecord[] = [];
        for (let i = 0; i < 5; i++) {
          const event = { ...stopped(domains[caller % 8] ?? alpha), commandId: `${caller}` };
          seen.push(...(await log.append([event, event])));
        }
        return seen;
      });
      for (const seen of await Promise.all(callers)) {
        const positions = seen.map(({ position }) => position);
        expect(positions).toEqual(positions.toSorted((a, b) => a - b));
        for (let i = 0; i < 10; i += 2) expect(positions[i + 1]).toBe((positions[i] ?? 0) + 1);
      }
      expect((await log.head()).position).toBe(641);
      expect((await verifyLog(log)).ok).toBe(true);
    });

    it("decides calls in the order they were made", async () => {
      const { log } = await fresh();
      await log.append([stopped(beta)]);
      const results = await Promise.all(
        [stopped(alpha), stopped(beta), stopped(alpha)].map((event) => log.append([event])),
      );
      expect(results.flat().map(({ position }) => position)).toEqual([3, 4, 5]);
    });

    it("appends more than one group's worth at once", async () => {
      const { log } = await fresh();
      await Promise.all(Array.from({ length: 50 }, () => log.append(Array.from({ length: 50 }, () => stopped(alpha)))));
      expect(await log.revision(alpha)).toBe(2500);
      expect((await verifyLog(log)).valid).toBe(2501);
    });

    it("finds the first record of a command id, and no other command's", async () => {
      const { log } = await fresh();
      for (const commandId of ['a"', "a", 'a"0', "a\u0000", "\ud800", "\udc00"]) {
        await log.append([
          { ...stopped(alpha), commandId },
          { ...stopped(alpha), commandId },
        ]);
      }
      expect((await log.findCommand("a"))?.position).toBe(4);
      expect((await log.findCommand('a"'))?.position).toBe(2);
      expect((await log.findCommand("\udc00"))?.position).toBe(12);
      expect(await log.findCommand("")).toBeUndefined();
      expect(await log.findCommand('a"000')).toBeUndefined();
    });

    it("reads any range, ends not beyond the head", async () => {
      const { log } = await fresh();
      await log.append(Array.from({ length: 9 }, () => stopped(alpha)));
      expect(await positions(log.read({ from: 3, to: 6 }))).toEqual([3, 4, 5]);
      expect(await positions(log.read({ from: 9 }))).toEqual([9, 10]);
      expect(await positions(log.read({ to: 3 }))).toEqual([1, 2]);
      expect(await positions(log.read({ from: 5, to: 5 }))).toEqual([]);
      expect(await positions(log.read({ from: 11 }))).toEqual([]);
      expect(await positions(log.read({ from: -3, to: 2 }))).toEqual([1]);
      expect(await positions(log.read({ from: 10, to: 99 }))).toEqual([10]);
    });

    it("reads up to the head at the call, whatever comes later", async () => {
      const { log } = await fresh();
      await log.append([stopped(alpha)]);
      const reading = log.read();
      const readingDomain = log.readDomain(alpha);
      await log.append([stopped(alpha)]);
      expect(await positions(reading)).toEqual([1, 2]);
      expect(await positions(readingDomain)).toEqual([2]);
    });

    it("reads one domain's records by revision and position", async () => {
      const { log } = await fresh();
      for (let i = 0; i < 6; i++) await log.append([stopped(i % 2 === 0 ? alpha : beta)]);
      expect(await positions(log.readDomain(alpha))).toEqual([2, 4, 6]);
      expect(await positions(log.readDomain(beta, { fromRevision: 2 }))).toEqual([5, 7]);
      expect(await positions(log.readDomain(beta, { upTo: 5 }))).toEqual([3, 5]);
      expect(await positions(log.readDomain(beta, { fromRevision: 4 }))).toEqual([]);
      expect(await positions(log.readDomain(alpha.slice(0, -1)))).toEqual([]);
    });

    it("stops reading when its reader does", async () => {
      const { log } = await fresh();
      await log.append(Array.from({ length: 9 }, () => stopped(alpha)));
      for await (const { record } of log.read()) {
        expect(record.position).toBe(1);
        break;
      }
      expect((await log.head()).position).toBe(10);
    });

    it.each([
      ["reason", limits.reasonBytes, (text: string) => ({ ...stopped(alpha), reason: text })],
      ["ticket", limits.ticketBytes, (text: string) => ({ ...stopped(alpha), ticket: text })],
      ["command id", limits.commandIdBytes, (text: string) => ({ ...stopped(alpha), commandId: text })],
    ])("takes a %s of %d bytes and refuses one byte more, saying how much is allowed", async (what, limit, event) => {
      const { log } = await fresh();
      await log.append([event("é".repeat(limit / 2))]);
      const refusal = await refuses(log.append([event(`${"é".repeat(limit / 2)}x`)]), "TOO_LARGE");
      expect(refusal.facts).toEqual({ what, bytes: limit + 1, limit });
    });

    it("takes a record of exactly 64 MiB and refuses one byte more", async () => {
      const { log } = await fresh();
      await log.append([rejected(alpha, { padding: "" })]);
      const [, { line }] = (await all(log.read())) as [StoredRecord, StoredRecord];
      const room = limits.recordBytes - Buffer.byteLength(line);
      await log.append([rejected(alpha, { padding: "x".repeat(room) })]);
      const refusal = await refuses(log.append([rejected(alpha, { padding: "x".repeat(room + 1) })]), "TOO_LARGE");
      expect(refusal.facts).toEqual({ what: "record", bytes: limits.recordBytes + 1, limit: limits.recordBytes });
      expect(Buffer.byteLength((await all(log.read()))[2]?.line ?? "")).toBe(limits.recordBytes);
    });

    it("groups many large records without losing any", async () => {
      const { log } = await fresh();
      const padding = "ü".repeat(200 * 1024);
      await Promise.all(Array.from({ length: 50 }, (_, i) => log.append([rejected(alpha, { i, padding })])));
      expect(await verifyLog(log)).toMatchObject({ ok: true, valid: 51 });
    });

    it("never lets time run backwards, and keeps what the clock said", async () => {
      const { log } = await fresh();
      now = Date.UTC(2026, 0, 2);
      await log.append([stopped(alpha)]);
      now = Date.UTC(2026, 0, 1, 12);
      const [behind] = await log.append([stopped(alpha)]);
      now = Date.UTC(2026, 0, 3);
      const [ahead] = await log.append([stopped(alpha)]);
      expect(behind).toMatchObject({ time: "2026-01-02T00:00:00.000Z", clock: "2026-01-01T12:00:00.000Z" });
      expect(ahead?.time).toBe("2026-01-03T00:00:00.000Z");
      expect(ahead).not.toHaveProperty("clock");
    });

    it.each([
      ["lone surrogates", "\ud800 and \udfff"],
      ["the replacement character", "\ufffd"],
      ["NUL, line ends and separators", "\u0000\r\n\u2028\u2029"],
      ["other scripts and emoji", "снимок 快照 🖥️"],
    ])("stores %s so that it verifies and reads back the same", async (_, text) => {
      const { log } = await fresh();
      const event = { ...rejected(alpha, { text, [text]: 1 }), reason: text, commandId: text };
      await log.append([event]);
      const [, stored] = await all(log.read());
      expect(stored?.record).toMatchObject({ reason: text, data: { facts: { text, [text]: 1 } } });
      expect(stored?.line).not.toMatch(/[\n\ufffd]/);
      expect((await verifyLog(log)).ok).toBe(true);
      expect((await log.findCommand(text))?.position).toBe(2);
    });

    it("is not changed by what its caller does with an event afterwards", async () => {
      const { log } = await fresh();
      const facts: Record<string, unknown> = { seen: "before" };
      const appending = log.append([rejected(alpha, facts)]);
      const [appended] = await appending;
      facts["seen"] = "after";
      expect(appended?.data).toMatchObject({ facts: { seen: "before" } });
    });

    it("rejects everything behind a failed batch, and writes no more until it is opened again", async () => {
      const tested = await fresh();
      await tested.log.append([stopped(alpha)]);
      tested.failNextWrite();
      // The first is a group of its own, large enough to be written at once; the others gather behind it.
      const large = Array.from({ length: 100 }, () => stopped(alpha));
      const overlapping = [large, [stopped(alpha)], large, [stopped(beta)]].map((events) => tested.log.append(events));
      const failing = await Promise.allSettled(overlapping);
      for (const outcome of failing) expect(codeOf(outcome)).toBe("LOG_UNWRITABLE");
      await refuses(tested.log.append([stopped(beta)]), "LOG_UNWRITABLE");
      expect(await tested.log.head()).toMatchObject({ position: 2 });
      expect(await positions(tested.log.read())).toEqual([1, 2]);

      const again = await tested.reopen();
      await again.append([stopped(beta)]);
      expect((await verifyLog(again)).ok).toBe(true);
    });

    it("goes on where it ended when it is opened again", async () => {
      const tested = await fresh();
      await tested.log.append([{ ...stopped(alpha), commandId: "first" }, stopped(alpha)]);
      const head = await tested.log.head();
      const again = await tested.reopen();
      expect(await again.head()).toEqual(head);
      expect(await again.revision(alpha)).toBe(2);
      expect((await again.findCommand("first"))?.position).toBe(2);
      const [next] = await again.append([stopped(alpha)], { expectedRevision: 2, expectedPosition: 3 });
      expect(next).toMatchObject({ position: 4, revision: 3, previousHash: head.hash });
    });

    it("never goes back in time over a reopening", async () => {
      const tested = await fresh();
      now = Date.UTC(2027, 0, 1);
      await tested.log.append([stopped(alpha)]);
      now = Date.UTC(2026, 0, 1);
      const [next] = await (await tested.reopen()).append([stopped(alpha)]);
      expect(next?.time).toBe("2027-01-01T00:00:00.000Z");
    });

    it("writes what it has taken before it closes, and takes nothing more", async () => {
      const tested = await fresh();
      const appending = tested.log.append([stopped(alpha)]);
      await tested.log.close();
      expect((await appending)[0]?.position).toBe(2);
      await refuses(tested.log.append([stopped(alpha)]), "LOG_UNWRITABLE");
      expect((await (await tested.reopen()).head()).position).toBe(2);
    });
  });
}

async function all(records: AsyncIterable<StoredRecord>): Promise<StoredRecord[]> {
  const read: StoredRecord[] = [];
  for await (const record of records) read.push(record);
  return read;
}

async function positions(records: AsyncIterable<StoredRecord>): Promise<number[]> {
  return (await all(records)).map(({ record }) => record.position);
}

async function refuses(promise: Promise<unknown>, code: ErrorCode): Promise<{ facts: unknown }> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code });
  return error as { facts: unknown };
}

function codeOf(outcome: PromiseSettledResult<unknown>): ErrorCode | undefined {
  return outcome.status === "rejected" && isSnapledgerError(outcome.reason) ? outcome.reason.code : undefined;
}
