import { describe, expect, it } from "vitest";
import type { EventRecord } from "../../../src/events/events.ts";
import { sha256 } from "../../../src/events/hash.ts";
import { beforeFirst, checkLine, parseRecord, sealRecord, zeroHash, type Sealed } from "../../../src/events/seal.ts";
import { rejected, stopped } from "../../support/events.ts";

const now = Date.UTC(2026, 0, 1);
const domain = "0190a000-0000-7000-8000-00000000000a";

/** A line whose hash is right, whatever it says. */
function forged(record: object): string {
  const text = JSON.stringify({ ...record, hash: undefined }).slice(0, -1);
  return `${text},"hash":"sha256:${sha256(text)}"}`;
}

function sealedFirst(): Sealed {
  return sealRecord(stopped(domain), { id: "first", previous: beforeFirst, revision: 1, now }, sha256);
}

describe("a sealed record", () => {
  it("is proven by its own line and the record before it", () => {
    const first = sealedFirst();
    expect(checkLine(first.line, beforeFirst, 0, sha256)).toEqual({ record: first.record, why: null });
    const seal = { id: "second", previous: first.record, revision: 2, now };
    const second = sealRecord(rejected(domain, {}), seal, sha256);
    expect(second.record.previousHash).toBe(first.record.hash);
    expect(checkLine(second.line, first.record, 1, sha256).why).toBeNull();
  });

  it("is not proven once any one bit of its line has flipped", () => {
    const { line } = sealedFirst();
    const bytes = Buffer.from(line);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(checkLine(flipped.toString(), beforeFirst, 0, sha256).why, `byte ${at} bit ${bit}`).not.toBeNull();
      }
    }
  });

  it("is not proven by bytes that only decode to the same text", () => {
    const { line } = sealRecord(
      { ...stopped(domain), reason: "\ufffd" },
      { id: "first", previous: beforeFirst, revision: 1, now },
      sha256,
    );
    const raw = Buffer.from(line.replace("\\ufffd", "\ufffd"));
    raw[raw.indexOf(0xef)] = 0xff;
    expect(checkLine(raw.toString(), beforeFirst, 0, sha256).why).toBe("its bytes are not UTF-8");
  });

  it.each([
    ["position", { position: 2 }, "it says position 2, not 1"],
    ["link", { previousHash: `sha256:${"1".repeat(64)}` }, "its previousHash is not the hash of the record before it"],
    ["revision", { revision: 3 }, "it says revision 3, not 1"],
  ])("is not proven when its %s is wrong, though its hash is right", (_, change, why) => {
    const line = forged({ ...sealedFirst().record, ...change });
    expect(checkLine(line, beforeFirst, 0, sha256)).toEqual({ why });
  });

  it("is not proven when its time is before that of the record before it", () => {
    const previous = { position: 0, hash: zeroHash, time: "2026-01-01T00:00:00.001Z" };
    const why = "its time is before that of the record before it";
    expect(checkLine(sealedFirst().line, previous, 0, sha256)).toEqual({ why });
  });

  it("has the same bytes for the same event, id and time, for good", () => {
    expect(sealedFirst().line).toBe(
      `{"position":1,"id":"first","domain":"${domain}","revision":1,"type":"DomainStopped","schema":1,` +
        '"time":"2026-01-01T00:00:00.000Z","actor":{"user":"ana","uid":1000,"loginUid":1000,"sudoUser":null,' +
        '"host":"hv1","via":"library","knownBy":"process"},"reason":null,"ticket":null,"operation":null,' +
        `"commandId":null,"previousHash":"${zeroHash}","data":{"cause":"destroyed"},` +
        '"hash":"sha256:7b763ae239b7390cf7500efd7e1a2d08c78e880bab6fc8d3c53258db0e29324c"}',
    );
  });
});

describe("reading a stored line", () => {
  const line = (change: object): string => forged({ ...sealedFirst().record, ...change });

  it("refuses what is not a record", () => {
    for (const text of ["", "{", "7", "null", "[]", "{}", '{"position":"1"}'])
      expect(() => parseRecord(text)).toThrow(expect.objectContaining({ code: "LOG_DAMAGED" }));
  });

  it.each([
    ["a type of a newer version", { type: "DomainRenamed" }, "DomainRenamed of schema 1"],
    ["a type that only an object has by itself", { type: "constructor" }, "constructor of schema 1"],
    ["a schema of a newer version", { schema: 2 }, "DomainStopped of schema 2"],
    ["a schema that never was", { schema: 0 }, "DomainStopped of schema 0"],
    ["a log format of a newer version", { type: "LogCreated", data: { logId: "x", format: 2 } }, "log format 2"],
  ])("refuses %s, naming it", (_, change, what) => {
    expect(() => parseRecord(line(change))).toThrow(
      expect.objectContaining({
        code: "STORE_FORMAT",
        message: `Position 1 holds ${what}, which this version can't read.`,
      }),
    );
  });

  it("gives back a record of today as it is", () => {
    const { line: today, record } = sealedFirst();
    expect(parseRecord(today)).toEqual(record satisfies EventRecord);
  });
});
