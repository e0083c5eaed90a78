import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { build } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../../src/events/hash.ts";
import type { EventRecord } from "../../../src/events/events.ts";
import { compare } from "../../../src/projections/replay/compare.ts";
import { applyAll } from "../../../src/projections/domain.ts";
import { explain } from "../../../src/projections/explain/explain.ts";
import { emptyState } from "../../../src/projections/state.ts";
import { listSnapshots } from "../../../src/projections/views/views.ts";
import { Historian } from "../../support/histories.ts";

/** What a page may import: all projections and proofs, and of the events the types, ids and sealing. */
const root = join(import.meta.dirname, "../../../src");
const filesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`);
const events = ["ids", "records", "command", "plan", "events", "log", "limits", "seal"].map(
  (name) => `events/${name}.ts`,
);

interface Bundled {
  readonly code: string;
  readonly inputs: readonly string[];
}

async function bundle(files: readonly string[]): Promise<Bundled> {
  const entry = join(root, "page.ts");
  const built = await build({
    ...{ input: entry, platform: "browser", write: false, logLevel: "silent" },
    plugins: [
      {
        name: "page",
        resolveId: (name) => (name === entry ? name : null),
        load: (id) => (id === entry ? files.map((file) => `export * from "./${file}";`).join("\n") : null),
      },
    ],
    output: { format: "iife", name: "snapledger", comments: false },
  });
  const [{ code, moduleIds, imports }] = built.output;
  return { code, inputs: [...moduleIds, ...imports] };
}

const ofNode = /["'`]node:|\brequire\(|\bBuffer\b|\bprocess\.|\bnode_crypto\b/;

let page: Bundled;
beforeAll(async () => {
  page = await bundle([...filesOf("projections"), ...filesOf("proof"), ...events]);
});

/** A realm with the language alone and what every browser adds to it for text; not with anything of Node's. */
function run(code: string, globals: Record<string, unknown> = {}): unknown {
  const context = createContext({ TextEncoder, atob, btoa, ...globals });
  return runInContext(`${page.code}\n${code}`, context, { timeout: 30_000 });
}

function smallHistory(): { records: readonly EventRecord[]; domain: string } {
  const historian = new Historian();
  const [domain = ""] = historian.domains;
  historian.play({ verb: "define", domain });
  for (const pick of [1, 2, 3]) historian.play({ verb: "create", domain, pick });
  historian.play({ verb: "move", domain, pick: 0, dirty: true });
  historian.play({ verb: "merge", domain, pick: 1, force: true });
  historian.play({ verb: "fold", domain });
  return { records: historian.records, domain };
}

describe("events, projections and proofs in a browser", () => {
  test("are bundled without anything of Node's, and with no library but immer", () => {
    expect(page.code).not.toMatch(ofNode);
    const others = page.inputs.filter((path) => !path.startsWith(`${root}/`));
    expect(others.length).toBeGreaterThan(0);
    for (const path of others) expect(path).toMatch(/node_modules\/immer\//);
  });

  test("would be found out if one of them reached for Node", async () => {
    const { code, inputs } = await bundle(["events/hash.ts"]);
    expect(inputs).toContain("node:crypto");
    expect(code).toMatch(ofNode);
  });

  test("fold, show, explain, compare and replay as they do here", () => {
    const { records, domain } = smallHistory();
    const own = records.filter((record) => record.domain === domain);
    const told = run(
      `const { applyAll, emptyState, listSnapshots, explain, clone, compare, step, patch } = snapledger;
       const records = JSON.parse(text);
       const state = applyAll(emptyState(domain), records);
       const stepped = emptyState(domain);
       const steps = records.map((record) => step(stepped, record));
       const back = clone(stepped);
       steps.reverse().forEach(({ inverse }) => patch(back, inverse));
       JSON.stringify({
         list: listSnapshots(state),
         said: records.map((record) => explain(record)),
         differences: [...compare(state, stepped), ...compare(back, emptyState(domain))],
       })`,
      { text: JSON.stringify(own), domain },
    );
    const here = applyAll(emptyState(domain), own);
    const expected = { list: listSnapshots(here), said: own.map((record) => explain(record)), differences: [] };
    expect(compare(JSON.parse(String(told)), JSON.parse(JSON.stringify(expected)))).toEqual([]);
    expect(expected.list.length).toBeGreaterThan(1);
  });

  test("prove a stored line with the hash function that the page hands in", () => {
    const { records } = smallHistory();
    const line = JSON.stringify(records[0]);
    const check = `snapledger.checkLine(line, snapledger.beforeFirst, null, sha256).why`;
    expect(run(check, { line, sha256 })).toBeNull();
    expect(run(check, { line: line.replace("alice", "mallory"), sha256 })).toMatch(/hash/);
  });

  test("prove that a record is under a signed checkpoint, with the functions that the page hands in", () => {
    const digest = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
    const told = run(
      `const { leafHash, rootOf, nodeHash, verifyInclusion, signedNote, parseNote, isSignedBy, noteKey, parseCheckpoint,
         checkpointText } = snapledger;
       const leaves = ["a", "b", "c"].map((text) => leafHash(new TextEncoder().encode(text), digest));
       const key = noteKey("a-log", new Uint8Array(32), digest);
       const text = checkpointText({ origin: "a-log", size: 3, root: rootOf(leaves, digest) });
       const note = parseNote(signedNote(text, key, Uint8Array.of(1, 2, 3)));
       const { size, root } = parseCheckpoint(note.text);
       const proof = [nodeHash(leaves[0], leaves[1], digest)];
       JSON.stringify([
         isSignedBy(note, key, (_, message, signature) => signature.length === 3 && message.length === text.length),
         isSignedBy(note, key, () => false),
         verifyInclusion({ index: 2, size, leaf: leaves[2], proof, root }, digest),
         verifyInclusion({ index: 2, size, leaf: leaves[1], proof, root }, digest),
       ])`,
      { digest },
    );
    expect(JSON.parse(String(told))).toEqual([true, false, true, false]);
  });
});
