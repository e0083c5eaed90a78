import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { EventRecord } from "../../../src/events/events.ts";
import type { DomainId } from "../../../src/events/ids.ts";
import {
  parseDirectory,
  parseDomain,
  parseFileDirectory,
  writeDirectory,
  writeDomain,
  writeFileDirectory,
} from "../../../src/projections/serialize.ts";
import { clone, compare } from "../../../src/projections/replay/compare.ts";
import { applyDirectory, emptyDirectory } from "../../../src/projections/directory.ts";
import type { Directory } from "../../../src/projections/directory.ts";
import { applyFileDirectory, emptyFileDirectory } from "../../../src/projections/file-directory.ts";
import type { FileDirectory } from "../../../src/projections/file-directory.ts";
import { apply, applyAll } from "../../../src/projections/domain.ts";
import { excerptFor } from "../../../src/projections/replay/excerpt.ts";
import { emptyState } from "../../../src/projections/state.ts";
import type { DomainState } from "../../../src/projections/state.ts";
import { patch, step } from "../../../src/projections/replay/step.ts";
import { Historian, history } from "../../support/histories.ts";

const cut = fc.double({ min: 0, max: 1, noNaN: true });

describe("a generated history", () => {
  test.prop([history])("is not empty of what matters", (records) => {
    expect(records[0]?.type).toBe("LogCreated");
    expect(perDomain(records).size).toBe(2);
  });

  test("reaches every event of a domain", () => {
    const seen = new Set(
      fc.sample(history, { numRuns: 200, seed: 1 }).flatMap((records) => records.map((r) => r.type)),
    );
    expect([...seen].sort()).toEqual(
      [
        ...["CommandRejected", "DomainDefined", "DomainStarted", "DomainStopped", "DomainUndefined", "HeadsMoved"],
        ...["LayersCompacted", "LayersRemoved", "LogCreated", "OperationFailed", "OperationStarted"],
        ...["SnapshotCreated", "SnapshotDeactivated", "SnapshotDiscarded", "SnapshotMerged"],
      ].sort(),
    );
  });
});

describe("clone and compare", () => {
  test.prop([history])("a clone is equal, and changing it leaves the original as it was", (records) => {
    for (const [id, own] of perDomain(records)) {
      const state = applyAll(emptyState(id), own.slice(0, -1));
      const before = writeDomain(state);
      const copy = clone(state);
      expect(compare(copy, state)).toEqual([]);
      applyAll(copy, own.slice(-1));
      expect(writeDomain(state)).toBe(before);
      expect(compare(copy, state)).not.toEqual([]);
    }
  });

  test("names the place of each difference", () => {
    const { state } = webWithSnapshots("a", "b");
    const other = clone(state);
    const [id = ""] = other.snapshots.keys();
    other.snapshots.get(id)!.name = "z";
    other.disks.push("vdz");
    other.byName.delete("b");
    const b = state.byName.get("b");
    expect(compare(state, other)).toEqual([
      { path: "disks.1", left: undefined, right: "vdz" },
      { path: `snapshots.${id}.name`, left: "a", right: "z" },
      { path: "byName.b", left: b, right: undefined },
    ]);
  });

  test("tells kinds, missing keys and members apart, but not the order of maps and sets", () => {
    expect(compare(new Set([1, 2]), new Set([2, 1]))).toEqual([]);
    expect(compare(new Map([["a", 1]]), { a: 1 })).toHaveLength(1);
    expect(compare({ a: undefined }, {})).toHaveLength(1);
    expect(compare([1, 2], [2, 1])).toHaveLength(2);
    expect(compare({ a: null }, { a: {} })).toHaveLength(1);
  });
});

describe("a checkpoint", () => {
  test.prop([history, cut])("taken anywhere and folded on gives what folding everything gives", (records, at) => {
    for (const [id, own] of perDomain(records)) {
      const upTo = Math.floor(at * own.length);
      const stored = parseDomain(writeDomain(applyAll(emptyState(id), own.slice(0, upTo))), id);
      expect(compare(applyAll(stored!, own.slice(upTo)), applyAll(emptyState(id), own))).toEqual([]);
    }
    const upTo = Math.floor(at * records.length);
    const stored = parseDirectory(writeDirectory(directoryOf(records.slice(0, upTo))));
    expect(compare(directoryOf(records.slice(upTo), stored), directoryOf(records))).toEqual([]);
    const files = parseFileDirectory(writeFileDirectory(filesOf(records.slice(0, upTo))));
    expect(compare(filesOf(records.slice(upTo), files), filesOf(records))).toEqual([]);
  });

  const { state } = webWithSnapshots("a", "b");
  const text = writeDomain(state);

  test("of another domain, kind or version is thrown away", () => {
    expect(parseDomain(text, state.id)).toBeDefined();
    expect(parseDomain(text, "00000000-0000-7000-8000-999999999999")).toBeUndefined();
    expect(parseDirectory(text)).toBeUndefined();
    expect(parseDomain(text.replace(/"version":\d+/, '"version":0'), state.id)).toBeUndefined();
    expect(parseDomain(text.replace(/"position":\d+/, '"position":1'), state.id)).toBeUndefined();
    expect(parseDomain(text.replace(/"hash":"[^"]+"/, '"hash":"sha256:0"'), state.id)).toBeUndefined();
    expect(parseDomain(text.replace('"layers":[', '"layers":null,"was":['), state.id)).toBeUndefined();
    expect(parseDomain(text.replace('"byName":[', '"byName":[1,'), state.id)).toBeUndefined();
  });

  test.prop([fc.nat({ max: text.length - 1 })])("cut short is thrown away", (length) => {
    expect(parseDomain(text.slice(0, length), state.id)).toBeUndefined();
  });

  test.prop([fc.json()])("of any other JSON is thrown away", (json) => {
    expect(parseDomain(json, state.id)).toBeUndefined();
    expect(parseDirectory(json)).toBeUndefined();
    expect(parseFileDirectory(json)).toBeUndefined();
  });
});

describe("replay by patches", () => {
  test.prop([history], { numRuns: 40 })("meets the bulk fold forwards, and every state again backwards", (records) => {
    for (const [id, own] of perDomain(records)) {
      const [bulk, replayed] = [emptyState(id), emptyState(id)];
      const states = [clone(bulk)];
      const steps = own.map((record) => {
        apply(bulk, record);
        states.push(clone(bulk));
        const taken = step(replayed, record);
        expect(compare(replayed, bulk)).toEqual([]);
        return taken;
      });
      for (const [i, { inverse }] of [...steps.entries()].reverse()) {
        patch(replayed, inverse);
        expect(compare(replayed, states[i])).toEqual([]);
      }
      steps.forEach(({ patches }, i) => {
        patch(replayed, patches);
        expect(compare(replayed, states[i + 1])).toEqual([]);
      });
    }
  });

  test.prop([history], { numRuns: 20 })(
    "leaves a state that can be folded on in bulk, and the records as they were",
    (records) => {
      const before = JSON.stringify(records);
      for (const [id, own] of perDomain(records)) {
        const state = emptyState(id);
        own.forEach((record, i) => (i % 2 === 0 ? step(state, record) : apply(state, record)));
        expect(compare(state, applyAll(emptyState(id), own))).toEqual([]);
      }
      expect(JSON.stringify(records)).toBe(before);
    },
  );

  test("gives immer only what a record touches", () => {
    const { records, state } = webWithSnapshots("a", "b", "c", "d");
    const own = records.filter(({ domain }) => domain === state.id);
    const last = own.findIndex(({ type, revision }) => type === "SnapshotCreated" && revision === state.revision);
    const before = applyAll(emptyState(state.id), own.slice(0, last));
    const kept = clone(before);
    const part = excerptFor(before, own[last]!);
    expect(compare(before, kept)).toEqual([]);
    expect([...part.snapshots.keys()]).toEqual([]);
    expect([...part.layers.keys()]).toEqual(Object.values(before.heads));
    expect(before.snapshots.size).toBe(3);
  });
});

function perDomain(records: readonly EventRecord[]): Map<DomainId, EventRecord[]> {
  const ids = new Set(records.flatMap(({ domain }) => domain ?? []));
  return new Map([...ids].map((id) => [id, records.filter(({ domain }) => domain === id)]));
}

function directoryOf(records: readonly EventRecord[], directory: Directory = emptyDirectory()): Directory {
  for (const record of records) applyDirectory(directory, record);
  return directory;
}

function filesOf(records: readonly EventRecord[], files: FileDirectory = emptyFileDirectory()): FileDirectory {
  for (const record of records) applyFileDirectory(files, record);
  return files;
}

function webWithSnapshots(...names: string[]): { records: EventRecord[]; state: DomainState } {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  const state = historian.state(id);
  const command = { type: "CreateSnapshot", domain: state.name, description: "", compression: null } as const;
  for (const name of names) historian.run(id, { ...command, name, offline: true, diskOnly: true });
  return { records: historian.records, state };
}
