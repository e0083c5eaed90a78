import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AnyEvent, EventRecord } from "../../../src/events/events.ts";
import { sha256 } from "../../../src/events/hash.ts";
import { beforeFirst, sealRecord } from "../../../src/events/seal.ts";
import type { Exported } from "../../../src/export/exported.ts";
import type { Format } from "../../../src/export/formats.ts";
import { formats } from "../../../src/export/formats.ts";
import { alice, history } from "../../support/histories.ts";

const logId = "0f0e0d0c-0b0a-4908-8706-050403020100";

function exported(record: EventRecord, line = JSON.stringify(record)): Exported {
  return { record, line, logId, domain: record.domain === null ? undefined : "web", version: "0.1.0" };
}

/** A sealed record of its own. */
function sealed(event: AnyEvent, envelope: Partial<EventRecord> = {}): Exported {
  const { domain = "uuid", reason = null, ticket = null, operation = null, actor = alice } = envelope;
  const whole = { domain, actor, reason, ticket, operation, commandId: null, ...event };
  const seal = { id: "event", previous: beforeFirst, revision: domain === null ? null : 1, now: 0 };
  const { record, line } = sealRecord(whole, seal, sha256);
  return exported(record, line);
}

/** Every type that a generated history reaches, and those that it does not. */
function everyType(): Exported[] {
  const seen = new Map<string, EventRecord>();
  for (const records of fc.sample(history, { numRuns: 200, seed: 1 }))
    for (const record of records) seen.set(record.type, record);
  const lost = { from: "/old", lost: [{ first: 3, last: 4 }], loose: [] };
  const end = { position: 3, hash: "sha256:0" };
  const range = { name: "web", since: null, until: null, firstRevision: 1, lastRevision: 9 };
  const rest = [
    sealed({ type: "LogSalvaged", schema: 1, data: lost }, { domain: null }),
    sealed({ type: "LogRolledBack", schema: 1, data: { known: end, found: end } }, { domain: null }),
    sealed(
      { type: "LogRestored", schema: 1, data: { found: end, time: "2026-01-01T00:00:00.000Z" } },
      { domain: null },
    ),
    sealed({ type: "EvidenceExported", schema: 1, data: range }),
  ];
  return [...[...seen.values()].map((record) => exported(record)), ...rest];
}

const stopped = { type: "DomainStopped", schema: 1, data: { cause: "destroyed" } } as const;
const asText = (format: Format, one: Exported) => formats[format](one);
const asJson = (format: Format, one: Exported) => JSON.parse(asText(format, one)) as Record<string, unknown>;

function validator(name: string): (value: unknown) => string {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, "schemas", name), "utf8")) as object;
  const ajv = new Ajv2020({ allErrors: true, strictRequired: false });
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? "" : ajv.errorsText(validate.errors));
}

describe("each format", () => {
  const all = everyType();

  test("makes one line of a record of any type, and the same one again", () => {
    expect(all.length).toBeGreaterThan(17);
    for (const format of Object.keys(formats) as Format[])
      for (const one of all) {
        const text = asText(format, one);
        expect(text).not.toMatch(/[\n\r]/);
        expect(asText(format, one)).toBe(text);
      }
  });

  test("that is JSON holds the stored line, byte for byte", () => {
    const one = sealed(stopped, { reason: 'a "quoted" \\ reason — 快照' });
    expect(asText("ndjson", one)).toBe(one.line);
    expect(asText("cloudevents", one).endsWith(`,"data":${one.line}}`)).toBe(true);
    expect(asJson("ocsf", one)["raw_data"]).toBe(one.line);
  });
});

describe("CloudEvents", () => {
  const invalid = validator("cloudevents-1.0.json");

  test.each(everyType().map((one) => [one.record.type, one] as const))("%s is valid", (type, one) => {
    const event = asJson("cloudevents", one);
    expect(invalid(event)).toBe("");
    expect(event).toMatchObject({ type: `snapledger.${type}`, source: `urn:uuid:${logId}`, id: one.record.id });
  });

  test("the schema refuses what is none", () => {
    const event = asJson("cloudevents", sealed(stopped));
    for (const wrong of [{ id: "" }, { specversion: "0.3" }, { Upper: 1 }, { source: "a b" }, { data_base64: "" }])
      expect(invalid({ ...event, ...wrong })).not.toBe("");
  });
});

describe("OCSF", () => {
  const invalid = validator("ocsf-1.5.0-api_activity.json");

  test.each(everyType().map((one) => [one.record.type, one] as const))("%s is valid", (_, one) => {
    const event = asJson("ocsf", one);
    expect(invalid(event)).toBe("");
    expect(event["type_uid"]).toBe(Number(event["class_uid"]) * 100 + Number(event["activity_id"]));
    expect(event["time"]).toBe(Date.parse(one.record.time));
  });

  test("a refusal is a failure, with the rule's code and words", () => {
    const refusal = { code: "MERGE_WOULD_ORPHAN", message: "No.", errorFacts: {}, hint: null } as const;
    const command = { type: "CompactDomain", domain: "web" } as const;
    const one = sealed({ type: "CommandRejected", schema: 1, data: { command, facts: {}, ...refusal } });
    expect(asJson("ocsf", one)).toMatchObject({
      ...{ status_id: 2, status_code: "MERGE_WOULD_ORPHAN", status_detail: "No.", severity_id: 2 },
      ...{ api: { operation: "CompactDomain" }, actor: { user: { name: "alice", uid: "1000" } } },
      ...{ resources: [{ type: "domain", uid: "uuid", name: "web" }] },
    });
  });

  test("the schema refuses what is not of the class", () => {
    const event = asJson("ocsf", sealed(stopped));
    const wrong = [{ time: "now" }, { severity_id: 7 }, { unknown: 1 }, { actor: {} }, { metadata: {} }, { api: {} }];
    for (const change of wrong) expect(invalid({ ...event, ...change })).not.toBe("");
    expect(invalid({ ...event, src_endpoint: undefined })).not.toBe("");
  });
});

/** RFC 5424, section 6, as far as it goes by regular expressions. */
const syslogForm =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (\[[^\s=\]"]{1,32}(?: [^\s=\]"]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\]) (?:\ufeff.*|[ -~]*)$/su;

describe("syslog", () => {
  test.each(everyType().map((one) => [one.record.type, one] as const))("%s is a line of RFC 5424", (type, one) => {
    const [, priority, time, , app, , id] = syslogForm.exec(asText("syslog", one)) ?? [];
    expect([time, app, id]).toEqual([one.record.time, "snapledger", type]);
    expect(Math.floor(Number(priority) / 8)).toBe(13);
  });

  test("says who did what as the log does, and keeps what would break the line out of it", () => {
    const actor = { ...alice, user: 'al"i]c\\e\n', host: "not a host" };
    const line = asText("syslog", sealed(stopped, { actor, ticket: "OPS-1", reason: "快照" }));
    expect(line).toMatch(syslogForm);
    expect(line).toContain('user="al\\"i\\]c\\\\e#012"');
    expect(line).toMatch(/^<110>1 1970-01-01T00:00:00\.000Z - snapledger - DomainStopped \[snapledger@32473 log=/);
    expect(line).toMatch(/\] \ufeffal"i\]c\\e#012 stopped web \(reason: 快照, ticket OPS-1\)$/);
  });

  test("is worse the more was lost", () => {
    const data = { command: "MergeSnapshot", code: "DISK_FULL", message: "Full.", undone: [], found: false } as const;
    expect(asText("syslog", sealed({ type: "OperationFailed", schema: 1, data }))).toMatch(/^<107>1 /);
    expect(asText("syslog", sealed(stopped))).toMatch(/^<110>1 /);
  });
});
