import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { connect, init } from "../../../src/connection/connection.ts";
import type { Connection } from "../../../src/connection/api.ts";
import { domainLookupByName, snapshotCreateXML } from "../../../src/connection/rfc.ts";
import { restore, salvage } from "../../../src/connection/maintenance.ts";
import { snapshotting } from "../../support/commands.ts";
import { freshFolder } from "../../support/folders.ts";
import { caller } from "../../support/world.ts";

/** What a server hands on, or JavaScript passes: nothing says that it is what the types promise. */
const sent = (json: unknown) => json as never;
const uuid = "0f0e0d0c-0b0a-4908-8706-050403020100";
const disk = { target: "vda", path: "/nowhere/web.qcow2", format: "qcow2" };
const defining = {
  ...{ type: "DefineDomain", uuid, name: "web", driver: "memory", memoryMib: null, vcpus: null },
  ...{ disks: [disk], unmanaged: [], layersFolder: null, xmlSha256: null },
};
const creating = { ...snapshotting("web", "one") };
const deactivating = { domain: "web", snapshot: "one", discardChanges: false };
const from = { since: null, until: null };

let store: string;
let connection: Connection;
beforeEach(async () => {
  store = join(freshFolder(), "store");
  await (await init(store, caller)).close();
  connection = await connect({ store, hold: true });
  await connection.execute(sent(defining), caller);
  await connection.execute(snapshotting("web", "kept"), caller);
  return () => connection.close();
});

/** That it is refused with this code and these words, and that nothing was recorded. */
async function refused(work: () => Promise<unknown>, code: string, words: string): Promise<void> {
  const before = await connection.head();
  await expect(work()).rejects.toMatchObject({ code, message: expect.stringContaining(words) as string });
  expect(await connection.head()).toEqual(before);
}

describe("a command of another shape is refused, and nothing is recorded", () => {
  it.each([
    ["no command", undefined, "USAGE", "The command is not an object, but undefined."],
    ["no type", {}, "USAGE", '"type" is missing'],
    ["an unknown type", { type: "Undefine", domain: "web" }, "USAGE", '"type" is not one of DefineDomain, Undefine'],
    ["a type of every object", { type: "constructor" }, "USAGE", '"type"'],
    ["undefine without keep", { type: "UndefineDomain", domain: "web" }, "USAGE", '"keep" is missing'],
    [
      ...["undefine with another keep", { type: "UndefineDomain", domain: "web", keep: "bogus" }, "USAGE"],
      'The command\'s field "keep" is not one of refuse, discard-all, keep-files, but "bogus".',
    ],
    ["no domain", { type: "CompactDomain" }, "USAGE", '"domain" is missing'],
    ["a domain that is a number", { type: "RecoverDomain", domain: 5 }, "USAGE", '"domain" is not text, but 5'],
    ["a name that is a number", { ...creating, name: 5 }, "INVALID_NAME", '"name" is not text or null, but 5'],
    ["a name that is undefined", { ...creating, name: undefined }, "INVALID_NAME", '"name" is missing'],
    ["a domain's name that is missing", { ...defining, name: undefined }, "INVALID_NAME", '"name" is missing'],
    ["a target that is none", { ...defining, disks: [{ ...disk, target: 1 }] }, "INVALID_NAME", '"disks.0.target"'],
    ["a format that is none", { ...defining, disks: [{ ...disk, format: "vmdk" }] }, "USAGE", '"disks.0.format"'],
    ["a disk that is none", { ...defining, disks: [null] }, "USAGE", '"disks.0" is not an object, but null'],
    ["disks that are no list", { ...defining, disks: disk }, "USAGE", '"disks" is not a list'],
    ["another driver", { ...defining, driver: "xen" }, "USAGE", '"driver" is not one of memory, qemu'],
    ["memory in words", { ...defining, memoryMib: "512" }, "USAGE", '"memoryMib" is not a number or null'],
    ["a hash that is none", { ...defining, xmlSha256: "<domain/>" }, "USAGE", '"xmlSha256" is not 64 hex digits'],
    ["no description", { ...creating, description: undefined }, "USAGE", '"description" is missing'],
    ["a flag in words", { ...creating, offline: "no" }, "USAGE", '"offline" is not true or false, but "no"'],
    ["force left out", { type: "MergeSnapshot", ...deactivating }, "USAGE", '"force" is missing'],
    ["a snapshot that is none", { ...deactivating, type: "DeactivateSnapshot", snapshot: {} }, "USAGE", '"snapshot"'],
    ["no end of time", { type: "ShutdownDomain", domain: "web", timeoutMs: Infinity }, "USAGE", '"timeoutMs"'],
    ["a field it has not", { ...creating, quiesse: true }, "USAGE", 'The command\'s field "quiesse" is not known.'],
    ["another's field", { type: "CompactDomain", domain: "web", name: "x" }, "USAGE", '"name" is not known'],
  ] as [string, unknown, string, string][])("%s", async (_, command, code, words) => {
    await refused(() => connection.execute(sent(command), caller), code, words);
    expect((await connection.snapshots("web")).map(({ name }) => name)).toEqual(["kept"]);
  });

  it("says no more of a long value than its beginning", async () => {
    const command = { type: "UndefineDomain", domain: "web", keep: "x".repeat(100_000) };
    const error: unknown = await connection.execute(sent(command), caller).catch((error: unknown) => error);
    expect((error as Error).message.length).toBeLessThan(250);
  });
});

describe("who asks is told whole, or nothing is done", () => {
  it.each([
    ["nobody", undefined, "The caller is not an object, but undefined."],
    ["an empty object", {}, 'The caller\'s field "user" is missing.'],
    ["no name", { ...caller, user: "" }, '"user" is not text that is not empty'],
    ["a uid in words", { ...caller, uid: "0" }, '"uid" is not a whole number or null, but "0"'],
    ["a uid below zero", { ...caller, uid: -1 }, '"uid" is not a whole number'],
    ["a login id that is missing", { ...caller, loginUid: undefined }, '"loginUid"'],
    ["a host that is none", { ...caller, host: null }, '"host" is not text'],
  ])("%s", async (_, who, words) => {
    const asking = sent(who);
    const elsewhere = join(freshFolder(), "new");
    const file = join(freshFolder(), "web.tar.gz");
    await refused(() => connection.execute(snapshotting("web", "one"), asking), "USAGE", words);
    await refused(() => connection.recover(asking), "USAGE", words);
    await refused(() => connection.exportEvidence("web", file, from, asking), "USAGE", words);
    await refused(() => connection.acceptRollback(asking), "USAGE", words);
    await refused(() => init(elsewhere, asking), "USAGE", words);
    await refused(() => restore("/nowhere.tar.gz", elsewhere, asking), "USAGE", words);
    await refused(() => salvage({ store: "/nowhere" }, elsewhere, asking), "USAGE", words);
    const web = await domainLookupByName(connection, "web");
    await refused(() => snapshotCreateXML(web, "<domainsnapshot/>", 0, asking), "USAGE", words);
    expect([existsSync(elsewhere), existsSync(file)]).toEqual([false, false]);
  });

  it("what else stands beside it is not recorded", async () => {
    const { position } = await connection.execute(snapshotting("web", "one"), { ...caller, ...{ session: "secret" } });
    const { line } = await connection.record(position ?? 0);
    expect(line).toContain('"actor":{"user":"eve",');
    expect(line).not.toContain("secret");
  });
});

describe("what is said along with it", () => {
  it.each([
    ["is no text", "reason", '"reason" is not an object'],
    ["a plan that is misspelt", { plann: true }, '"plann" is not known'],
    ["a command id that is misspelt", { commandID: "1" }, '"commandID" is not known'],
    ["a plan in words", { plan: "true" }, '"plan" is not true or false'],
    ["a reason that is a number", { reason: 5 }, '"reason" is not text or null, but 5'],
    ["a command id that is none", { commandId: {} }, '"commandId" is not text or null'],
    ["a revision in words", { expectRevision: "1" }, '"expectRevision" is not a whole number'],
    ["a signal that is none", { signal: {} }, '"signal" is not an AbortSignal'],
  ])("is refused: %s", async (_, request, words) => {
    const asked = sent(request);
    const said = typeof request === "string" ? "The request is not an object" : words;
    await refused(() => connection.execute(snapshotting("web", "one"), caller, asked), "USAGE", said);
    await refused(() => connection.recover(caller, asked), "USAGE", said);
    await refused(() => connection.exportEvidence("web", "/nowhere/x", from, caller, asked), "USAGE", said);
  });

  it("to a rollback is its reason and its ticket: one that is only planned cannot be accepted", async () => {
    await refused(() => connection.acceptRollback(caller, sent({ plan: true })), "USAGE", '"plan" is not known');
  });

  it("may be left out, or be nothing", async () => {
    const nothing = { reason: undefined, ticket: null, commandId: undefined, signal: undefined, plan: undefined };
    await connection.execute(snapshotting("web", "one"), caller, sent(nothing));
    await connection.execute(snapshotting("web", "two"), caller);
  });
});

it.each([
  ["a domain", 5, "/nowhere/x", from, '"domain" is not text'],
  ["a file", "web", null, from, '"file" is not text'],
  ["an object", "web", "/nowhere/x", null, "The evidence request is not an object, but null."],
  ["a beginning", "web", "/nowhere/x", { until: null }, '"since" is missing'],
  ["a time", "web", "/nowhere/x", { since: "yesterday", until: null }, '"since" is not a time like'],
] as const)("evidence is not exported without %s", async (_, domain, file, period, words) => {
  const export_ = () => connection.exportEvidence(sent(domain), sent(file), sent(period), caller);
  await refused(export_, "USAGE", words);
});

it("what is done is what was checked, whatever the command says when it is read again", async () => {
  let reads = 0;
  const keep = () => (reads++ === 0 ? "refuse" : "discard-all");
  const command = Object.defineProperty({ type: "UndefineDomain", domain: "web" }, "keep", { get: keep });
  await expect(connection.execute(sent(command), caller)).rejects.toMatchObject({ code: "DOMAIN_HAS_SNAPSHOTS" });
});
