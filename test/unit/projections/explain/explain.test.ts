import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { Command } from "../../../../src/events/command.ts";
import type { AnyEvent, Envelope, EventRecord } from "../../../../src/events/events.ts";
import type { Affected, FileFacts, NewSnapshot, Sets } from "../../../../src/events/records.ts";
import { noSets } from "../../../../src/events/records.ts";
import { explain, explainOperation, formatBytes } from "../../../../src/projections/explain/explain.ts";
import { alice, history } from "../../../support/histories.ts";

const mib = 2 ** 20;
const ref = (name: string) => ({ id: `id-${name}`, name });
const file = (path: string, bytes = mib): FileFacts => ({
  ...{ path, format: "qcow2", bytes, virtualBytes: bytes, device: "1", inode: "1", mtimeNs: "0" },
});
const layer = (path: string) => ({ ...file(path), target: "vda", layer: "l", backing: "b", compression: null });
const created = (name: string, more: Partial<NewSnapshot> = {}): NewSnapshot => ({
  ...{
    ...ref(name),
    description: "",
    parent: null,
    state: "off",
    automatic: false,
    layers: [layer("/l")],
    memory: null,
  },
  ...more,
});
const merge: Command = { type: "MergeSnapshot", domain: "web", snapshot: "b", force: true, discardChanges: false };
const lostA: Affected = { kind: "content", snapshot: ref("a"), bytes: 2 * mib };
const lostC: Affected = { kind: "snapshot", snapshot: ref("c"), automatic: false, bytes: 3 * mib };
const lostAuto: Affected = { kind: "snapshot", snapshot: ref("autosave-1"), automatic: true, bytes: 1024 };
const lostHeads: Affected = { kind: "heads", on: ref("c"), dirty: true, bytes: 65_536 };
const sets: Sets = {
  rewritten: [{ kind: "snapshot", snapshot: ref("a"), automatic: false, bytes: 2 * mib }],
  orphaned: [lostC, lostAuto, lostHeads],
  reparented: [
    { kind: "snapshot", snapshot: ref("d"), automatic: false, bytes: mib },
    { ...lostHeads, dirty: false },
  ],
  destroyed: [lostA, { kind: "memory", snapshot: ref("a"), bytes: mib }],
};
const moved = { heads: [], current: ref("a") };
const plan = { steps: [], sets, removes: [], folds: [], spaceBytes: 0 };
const mergeData = { snapshot: ref("b"), into: ref("a"), sets, children: [ref("d")], discarded: [ref("c")], moved };

function record(event: AnyEvent, more: Partial<Envelope> = {}): EventRecord {
  const place = { position: 7, id: "e", revision: 3, time: "2026-01-01T00:00:00.000Z", previousHash: "", hash: "" };
  const envelope = { domain: "uuid", actor: alice, reason: null, ticket: null, operation: "op", commandId: null };
  return { ...place, ...envelope, ...more, ...event };
}

const event = <T extends AnyEvent["type"]>(type: T, data: Extract<AnyEvent, { type: T }>["data"]) =>
  record({ type, schema: 1, data } as AnyEvent);
const said = (one: EventRecord) => explain(one, { domain: "web" });

describe("each event is one sentence of who, what and what was destroyed", () => {
  test.each<[string, EventRecord]>([
    ["alice created the log L", event("LogCreated", { logId: "L", format: 1 })],
    [
      "alice rebuilt the log from /old; of position 3 and positions 5 to 9 nothing could be proven",
      event("LogSalvaged", { from: "/old", lost: [{ first: 3, last: 3 }, { first: 5, last: 9 }], loose: [] }), // prettier-ignore
    ],
    ["alice rebuilt the log from /old; nothing was lost", event("LogSalvaged", { from: "/old", lost: [], loose: [] })],
    [
      "alice rebuilt the log from /old; of position 3 nothing could be proven; what stood after a gap, positions 4 to 6, is kept beside it",
      event("LogSalvaged", { from: "/old", lost: [{ first: 3, last: 3 }], loose: [{ first: 4, last: 6 }] }),
    ],
    [
      "alice defined domain web on /a.qcow2 (vda) and /b.qcow2 (vdb)",
      event("DomainDefined", {
        ...{
          name: "web",
          driver: "qemu",
          memoryMib: null,
          vcpus: null,
          layersFolder: "/l",
          unmanaged: [],
          xmlSha256: null,
        },
        disks: [
          { target: "vda", base: "1", image: { file: file("/a.qcow2"), chain: [], writable: true }, head: layer("/h") },
          { target: "vdb", base: "2", image: { file: file("/b.qcow2"), chain: [], writable: true }, head: layer("/i") },
        ],
      }),
    ],
    [
      'alice undefined domain web, destroying snapshot "c" (3 MiB)',
      event("DomainUndefined", { name: "web", discarded: [ref("c")], destroyed: [lostC], kept: [] }),
    ],
    [
      "alice undefined domain web, leaving 2 files on disk",
      event("DomainUndefined", { name: "web", discarded: [], destroyed: [], kept: ["/a", "/b"] }),
    ],
    ["alice started web", event("DomainStarted", { from: null, state: "running", memoryLoaded: false })],
    [
      'alice started web from snapshot "a", resuming its memory, paused',
      event("DomainStarted", { from: ref("a"), state: "paused", memoryLoaded: true }),
    ],
    ["alice stopped web", event("DomainStopped", { cause: "destroyed" })],
    ["alice shut down web", event("DomainStopped", { cause: "shutdown" })],
    ["alice noted that web was no longer running", event("DomainStopped", { cause: "observed" })],
    ['alice created snapshot "a" of web', event("SnapshotCreated", { snapshot: created("a"), heads: [] })],
    [
      'alice created snapshot "a" of web, its file systems settled by the guest\'s agent',
      event("SnapshotCreated", { snapshot: created("a"), heads: [], quiesced: true }),
    ],
    [
      'alice created snapshot "b" of web on "a", with its memory (1.5 KiB), compressed by zstd',
      event("SnapshotCreated", {
        snapshot: created("b", {
          ...{
            parent: ref("a"),
            memory: { path: "/m", bytes: 1536 },
            layers: [{ ...layer("/l"), compression: "zstd" }],
          },
        }),
        heads: [],
      }),
    ],
    [
      'alice moved the heads of web to snapshot "a", keeping unsaved changes as "autosave-1"',
      event("HeadsMoved", { to: ref("a"), heads: [], autosave: created("autosave-1"), destroyed: [] }),
    ],
    [
      'alice moved the heads of web to snapshot "a", destroying unsaved changes in the heads on snapshot "c" (64 KiB)',
      event("HeadsMoved", { to: ref("a"), heads: [], autosave: null, destroyed: [lostHeads] }),
    ],
    [
      'alice deactivated snapshot "b" of web',
      event("SnapshotDeactivated", { snapshot: ref("b"), moved: null, autosave: null, destroyed: [] }),
    ],
    [
      'alice deactivated snapshot "b" of web, moving the heads to the base image, keeping unsaved changes as "s"',
      event("SnapshotDeactivated", {
        ...{ snapshot: ref("b"), moved: { heads: [], current: null }, autosave: created("s"), destroyed: [] },
      }),
    ],
    [
      'alice merged snapshot "b" of web into snapshot "a", re-parenting "d" and the heads, ' +
        'moving the heads to snapshot "a", destroying the old content of "a" (2 MiB), the memory of "a" (1 MiB), ' +
        'snapshot "c" (3 MiB), automatic snapshot "autosave-1" (1 KiB) ' +
        'and unsaved changes in the heads on snapshot "c" (64 KiB)',
      event("SnapshotMerged", { ...mergeData, current: ref("a") }),
    ],
    [
      'alice merged snapshot "b" of web into the base image, destroying the old content of base image /b (vda, 1 MiB)',
      event("SnapshotMerged", {
        ...{ ...mergeData, into: null, moved: null, current: null },
        sets: { ...noSets, destroyed: [{ kind: "base", target: "vda", path: "/b", bytes: mib }] },
      }),
    ],
    [
      'alice discarded snapshot "c" of web, moving the heads to snapshot "a", destroying snapshot "c" (3 MiB)',
      event("SnapshotDiscarded", {
        ...{
          snapshot: ref("c"),
          discarded: [ref("c")],
          sets: { ...noSets, destroyed: [lostC], orphaned: [lostC] },
          moved,
        },
      }),
    ],
    [
      "alice folded a layer of web into /a (vda, 1 MiB, generation 2)",
      event("LayersCompacted", {
        ...{ target: "vda", from: "b", into: "a", generation: 2, file: file("/a"), repointed: [], snapshots: [] },
      }),
    ],
    [
      "alice removed /x of web, which nothing referred to (1 MiB)",
      event("LayersRemoved", { files: [{ layer: "x", path: "/x", bytes: mib }] }),
    ],
    [
      "alice removed 2 files of web that nothing referred to (2 MiB)",
      event("LayersRemoved", {
        files: [{ layer: "x", path: "/x", bytes: mib }, { layer: null, path: "/m", bytes: mib }], // prettier-ignore
      }),
    ],
    [
      'alice began to merge snapshot "b" of web into what it stands on with force, ' +
        'which would destroy the old content of "a" (2 MiB)',
      event("OperationStarted", {
        ...{ command: merge, facts: {}, ids: [], plan: { ...plan, sets: { ...noSets, destroyed: [lostA] } } },
      }),
    ],
    [
      "alice failed to merge a snapshot of web: The disk is full [DISK_FULL]; 1 file made for it taken away again",
      event("OperationFailed", {
        ...{ command: "MergeSnapshot", code: "DISK_FULL", message: "The disk is full.", undone: ["/x"], found: false },
      }),
    ],
    [
      "alice found an unfinished attempt to create a snapshot of web: It died [DRIVER_FAILED]",
      event("OperationFailed", {
        ...{ command: "CreateSnapshot", code: "DRIVER_FAILED", message: "It died.", undone: [], found: true },
      }),
    ],
    [
      'alice asked to merge snapshot "b" of web into what it stands on with force and was refused: ' +
        'It would destroy "c" [MERGE_WOULD_ORPHAN]',
      event("CommandRejected", {
        ...{ command: merge, facts: {}, code: "MERGE_WOULD_ORPHAN", message: 'It would destroy "c".' },
        ...{ errorFacts: {}, hint: null },
      }),
    ],
    [
      "alice exported evidence of web since 2026-01-01T00:00:00.000Z: revisions 3 to 9",
      event("EvidenceExported", {
        ...{ name: "web", since: "2026-01-01T00:00:00.000Z", until: null, firstRevision: 3, lastRevision: 9 },
      }),
    ],
  ])("%s", (sentence, one) => expect(said(one)).toBe(sentence));
});

describe("who and why", () => {
  const plain = { type: "DomainStopped", schema: 1, data: { cause: "destroyed" } } as const;
  test("reason and ticket stand at the end", () => {
    const why = { reason: "patch day", ticket: "OPS-1" };
    expect(said(record(plain, why))).toBe("alice stopped web (reason: patch day, ticket OPS-1)");
    expect(said(record(plain, { ticket: "OPS-1" }))).toBe("alice stopped web (ticket OPS-1)");
    expect(said(record(plain, { reason: "patch day" }))).toBe("alice stopped web (reason: patch day)");
  });

  test("root by sudo is told with the name that sudo claimed", () => {
    const actor = { ...alice, user: "root", uid: 0, sudoUser: "alice" };
    expect(said(record(plain, { actor }))).toBe("root (by sudo from alice) stopped web");
  });

  test("without a name the record's own is used, or else the uuid", () => {
    expect(explain(record(plain))).toBe("alice stopped domain uuid");
    const gone = event("DomainUndefined", { name: "old", discarded: [], destroyed: [], kept: [] });
    expect(explain(gone)).toBe("alice undefined domain old");
  });

  test("of a long list the first eight are told, and how many more", () => {
    const destroyed = Array.from({ length: 20 }, (_, i): Affected => ({ ...lostC, snapshot: ref(`s${i}`), bytes: 0 }));
    const one = event("DomainUndefined", { name: "web", discarded: [], destroyed, kept: [] });
    expect(said(one)).toMatch(/destroying snapshot "s0" \(0 B\), .*"s7" \(0 B\) and 12 more$/);
  });
});

describe("a whole operation", () => {
  const why = { reason: "patch day" };
  const begun = record(
    { type: "OperationStarted", schema: 1, data: { command: merge, facts: {}, ids: [], plan } },
    why,
  );
  const bare = { ...mergeData, sets: noSets, moved: null, current: null };
  const done = record({ type: "SnapshotMerged", schema: 1, data: bare }, why);
  const fold = event("LayersCompacted", {
    ...{ target: "vda", from: "b", into: "a", generation: 2, file: file("/a"), repointed: [], snapshots: [] },
  });
  const gone = event("LayersRemoved", { files: [{ layer: "x", path: "/x", bytes: mib }] });

  test("is its outcome and what followed", () => {
    expect(explainOperation([begun, done, fold, gone])).toBe(
      'alice merged snapshot "b" of web into snapshot "a"; then 1 layer folded into the one below; ' +
        "then 1 file removed (1 MiB) (reason: patch day)",
    );
  });

  test("tells of a start after the move", () => {
    const to = event("HeadsMoved", { to: ref("a"), heads: [], autosave: null, destroyed: [] });
    const started = event("DomainStarted", { from: ref("a"), state: "running", memoryLoaded: false });
    expect(explainOperation([to, started], { domain: "web" })).toBe(
      'alice moved the heads of web to snapshot "a"; then started web from snapshot "a"',
    );
  });

  test("says when the outcome is missing, when it was only cleaning up, and when there is nothing", () => {
    expect(explainOperation([begun])).toMatch(/^alice began to merge .*; its outcome is not recorded \(reason/);
    expect(explainOperation([fold, gone], { domain: "web" })).toBe(
      "alice cleaned up after web: 1 layer folded into the one below; then 1 file removed (1 MiB)",
    );
    expect(explainOperation([])).toBe("nothing happened");
  });

  test.prop([history], { numRuns: 30 })("every record of every history has its sentence", (records) => {
    for (const one of records) {
      const sentence = explain(one);
      expect(sentence).toMatch(/^alice [a-z]+ /);
      expect(sentence).not.toMatch(/"undefined"|\[object|NaN|\bnull\b/);
      expect(explainOperation([one])).toContain("alice ");
    }
  });
});

describe("bytes", () => {
  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [10_239, "10 KiB"],
    [196_616, "192 KiB"],
    [mib - 1, "1 MiB"],
    [mib, "1 MiB"],
    [5.25 * 2 ** 30, "5.3 GiB"],
    [2 ** 60, "1024 PiB"],
  ])("%i are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.prop([fc.nat(), fc.nat()])("more never reads as a smaller unit", (a, b) => {
    const unit = (bytes: number) => ["B", "KiB", "MiB", "GiB"].indexOf(formatBytes(bytes).split(" ")[1]!);
    expect(unit(Math.max(a, b))).toBeGreaterThanOrEqual(unit(Math.min(a, b)));
  });
});
