import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { connect, init } from "../../../src/connection/connection.ts";
import type { Connection } from "../../../src/connection/api.ts";
import { originOf } from "../../../src/proof/checkpoint.ts";
import { stopped } from "../../support/events.ts";
import { caller } from "../../support/two-domains.ts";
import { freshFolder } from "../../support/folders.ts";
import { append, opened, domain } from "../../support/stores.ts";

/** What a key has signed of a log binds it. */

let store: string;
beforeEach(async () => {
  store = join(freshFolder(), "store");
  await (await init(store, caller)).close();
  await append(store, 3);
});

async function on<T>(folder: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect({ store: folder });
  return work(connection).finally(() => connection.close());
}

const sign = (folder: string, key?: string) =>
  on(folder, (connection) => connection.checkpoint(key === undefined ? {} : { key }));

const keptBeside = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".signed"));

function ownKey(): string {
  const key = join(freshFolder(), "signing.pem");
  writeFileSync(key, execFileSync("openssl", ["genpkey", "-algorithm", "ed25519"]), { mode: 0o600 });
  return key;
}

it("keeps the largest checkpoint beside the key, and signs whatever the log grows to", async () => {
  const first = await sign(store);
  const [name = "", ...more] = keptBeside(store);
  expect([name, more]).toEqual([`key.pem.${first.origin.slice(originOf("").length)}.signed`, []]);
  expect(readFileSync(join(store, name), "utf8")).toBe(first.note);
  expect(statSync(join(store, name)).mode & 0o777).toBe(0o600);
  await append(store, 400);
  const second = await sign(store);
  expect(second.size).toBe(first.size + 400);
  // An earlier size of the same history contradicts nothing, and is not what is kept.
  await on(store, (connection) => connection.proveConsistent(2, 5));
  expect(readFileSync(join(store, name), "utf8")).toBe(second.note);
});

it("signs neither an old copy that was put back nor what it grew to since", async () => {
  const key = ownKey();
  cpSync(store, `${store}.old`, { recursive: true });
  await append(store, 2);
  const signed = await sign(store, key);
  const cut = { code: "LOG_FORKED", facts: { size: 6, head: 4, checkpoint: signed.note } };
  await expect(sign(`${store}.old`, key)).rejects.toMatchObject(cut);
  // Made otherwise than the records that were signed.
  await opened(`${store}.old`, (log) =>
    log.use(async (open) => {
      for (let n = 0; n < 300; n++) await open.append([{ ...stopped(domain), reason: "another history" }]);
    }),
  );
  const evidence = (folder: string, file: string) =>
    on(folder, (connection) => connection.exportEvidence(domain, file, { since: null, until: null, key }, caller));
  const head = await on(`${store}.old`, (connection) => connection.head());
  await expect(sign(`${store}.old`, key)).rejects.toMatchObject({ code: "LOG_FORKED" });
  await expect(evidence(`${store}.old`, join(freshFolder(), "e.tar.gz"))).rejects.toMatchObject({ code: "LOG_FORKED" });
  expect(await on(`${store}.old`, (connection) => connection.head())).toEqual(head);
  // The other copy goes on, and so does another key.
  expect((await sign(store, key)).size).toBe(6);
  expect((await sign(`${store}.old`)).size).toBe(304);
});

it("keeps what it signed of each log apart, and signs when the file was moved away", async () => {
  const key = ownKey();
  const other = join(freshFolder(), "store");
  await (await init(other, caller)).close();
  await sign(store, key);
  await sign(other, key);
  const folder = join(key, "..");
  expect(keptBeside(folder)).toHaveLength(2);
  for (const name of keptBeside(folder)) writeFileSync(join(folder, name), "not signed\n");
  await expect(sign(store, key)).rejects.toMatchObject({ code: "CHECKPOINT_INVALID" });
  for (const name of keptBeside(folder)) rmSync(join(folder, name));
  expect((await sign(store, key)).size).toBe(4);
});

it("signs nothing that it cannot remember", async () => {
  const key = ownKey();
  const folder = join(key, "..");
  const kept = join(folder, `signing.pem.${(await sign(store)).origin.slice(originOf("").length)}.signed`);
  // Root may write anywhere; a folder in its place can be written to as a file by nobody.
  mkdirSync(kept);
  await expect(sign(store, key)).rejects.toMatchObject({ code: "FILE_NOT_FOUND", facts: { path: kept } });
});

it("never forgets the larger of those that are signed at once", async () => {
  await append(store, 20);
  const sizes = [9, 24, 3, 17, 12];
  const checkpoints = await on(store, (connection) =>
    Promise.all(sizes.map(async (size) => (await connection.proveConsistent(1, size)).checkpoint)),
  );
  const [name = ""] = keptBeside(store);
  expect(readFileSync(join(store, name), "utf8")).toBe(checkpoints[1]?.note);
});
