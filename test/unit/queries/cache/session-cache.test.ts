import { chmodSync, cpSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connect, init } from "../../../../src/connection/connection.ts";
import { storeLayout } from "../../../../src/store/store.ts";
import { HeadFile } from "../../../../src/store/head-file.ts";
import type { Connection } from "../../../../src/connection/api.ts";
import { SessionCache } from "../../../../src/queries/cache/session-cache.ts";
import { caller, perform } from "../../../support/two-domains.ts";
import { freshFolder } from "../../../support/folders.ts";
import { writeAheadLog } from "../../../support/stores.ts";

/** A store with some history, whose guests and files are simulated. */
async function storeWith(): Promise<string> {
  const store = join(freshFolder(), "store");
  await (await init(store, caller)).close();
  await change(store, 0);
  return store;
}

async function change(store: string, nth: number): Promise<void> {
  const connection = await connect({ store, hold: true });
  await perform(connection, { snapshots: 4, refusals: 0 }, nth).finally(() => connection.close());
}

/** All that there is to know, by one connection that lives for this question. */
async function answers(store: string, session?: SessionCache) {
  const connection = await connect({ store, ...(session && { session }) });
  return all(connection).finally(() => connection.close());
}

async function all(connection: Connection) {
  const domains = await connection.domains();
  const snapshots = await Promise.all(domains.map(({ name }) => connection.snapshots(name)));
  const head = await connection.head();
  const past = await connection.domains({ at: Math.ceil(head.position / 2) });
  return {
    domains,
    snapshots,
    head,
    past,
    names: await connection.names(),
    last: await connection.record(head.position),
  };
}

/** How often the database was opened: each time it begins another write-ahead log. */
const opened = (store: string) => writeAheadLog(store);

it("answers without opening the log while nobody touches the store, and the same", async () => {
  const store = await storeWith();
  const session = new SessionCache();
  const connection = () => connect({ store, session });
  const first = await connection();
  const domains = await first.domains();
  await first.close();
  const before = opened(store);
  for (let i = 0; i < 3; i++) {
    const again = await connection();
    expect(await again.domains()).toEqual(domains);
    expect(await again.head()).toEqual(HeadFile.read(storeLayout(store).head));
    await again.close();
  }
  expect(opened(store)).toBe(before);
  expect(await answers(store, session)).toEqual(await answers(store));
});

it("sees what other processes append, and what it was told before stays as it was", async () => {
  const store = await storeWith();
  const session = new SessionCache();
  for (let nth = 1; nth < 4; nth++) {
    const told = await answers(store, session);
    const kept = structuredClone(told);
    await change(store, nth);
    const now = await answers(store, session);
    expect(now).toEqual(await answers(store));
    expect(now.head.position).toBeGreaterThan(told.head.position);
    expect(told).toEqual(kept);
  }
});

it("sees that another store, an older copy or a damaged log was put in its place", async () => {
  const store = await storeWith();
  const session = new SessionCache();
  cpSync(store, `${store}.old`, { recursive: true, preserveTimestamps: true });
  await change(store, 1);
  await answers(store, session);

  renameSync(store, `${store}.new`);
  renameSync(`${store}.old`, store);
  expect(await answers(store, session)).toEqual(await answers(store));
  await change(store, 2);
  expect(await answers(store, session)).toEqual(await answers(store));

  const other = await storeWith();
  for (const part of ["log", "head"]) {
    rmSync(join(store, part), { recursive: true });
    cpSync(join(other, part), join(store, part), { recursive: true, preserveTimestamps: true });
  }
  rmSync(join(store, "checkpoints"), { recursive: true });
  expect((await answers(store, session)).head).toEqual((await answers(other)).head);

  const table = readdirSync(storeLayout(store).log).find((name) => name.endsWith(".ldb"));
  rmSync(join(storeLayout(store).log, table ?? "none"));
  await expect(answers(store, session)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
});

it("says as ever that a store is not safe any more, or gone", async () => {
  const store = await storeWith();
  const session = new SessionCache();
  await answers(store, session);
  const connection = await connect({ store, session });
  chmodSync(store, 0o777);
  await expect(connection.domains()).rejects.toMatchObject({ code: "STORE_UNSAFE" });
  chmodSync(store, 0o700);
  expect(await connection.domains()).not.toEqual([]);
  rmSync(store, { recursive: true });
  await expect(connection.domains()).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  await connection.close();
});
