import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { initStore, openStore, storeLayout } from "../../../src/store/store.ts";
import type { LogAccess } from "../../../src/events/log.ts";
import { actor, stopped } from "../../support/events.ts";
import { freshFolder } from "../../support/folders.ts";

const domain = "0190a000-0000-7000-8000-00000000000a";
let ids = 0;
const parts = {
  clock: () => Date.UTC(2026, 0, 1),
  newId: () => `0190a000-0000-7000-9000-${String(++ids).padStart(12, "0")}`,
};
const opened: LogAccess[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function freshStore(): Promise<string> {
  const folder = join(freshFolder(), "store");
  await initStore(folder, { ...parts, actor });
  return folder;
}

async function open(
  folder: string,
  options: { waitMs?: number; hold?: boolean; verb?: string } = {},
): Promise<LogAccess> {
  const store = await openStore(folder, { ...parts, waitMs: 0, hold: false, ...options });
  opened.push(store);
  return store;
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const appendTo = (store: LogAccess): Promise<unknown> => store.use((log) => log.append([stopped(domain)]));
const positionOf = (store: LogAccess): Promise<number> => store.use(async (log) => (await log.head()).position);

describe("making a store", () => {
  it("makes folders for its owner alone, files too, and a log with one record", async () => {
    const folder = join(freshFolder(), "a", "b");
    const head = await initStore(folder, { ...parts, actor });
    expect(head.position).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(["checkpoints", "head", "layers", "log", "run"]);
    for (const part of ["", "checkpoints", "layers", "log", "run"]) expect(modeOf(join(folder, part))).toBe(0o700);
    for (const file of readdirSync(join(folder, "log"))) expect(modeOf(join(folder, "log", file))).toBe(0o600);
    expect(await (await open(folder)).use((log) => log.head())).toEqual(head);
  });

  it("takes an empty folder that is there already, and closes it to others", async () => {
    const folder = freshFolder();
    chmodSync(folder, 0o755);
    await initStore(folder, { ...parts, actor });
    expect(modeOf(folder)).toBe(0o700);
  });

  it("takes a folder in which an earlier init died", async () => {
    const folder = freshFolder();
    for (const left of ["layers", "run", "log.unfinished-Ab3dE6"]) mkdirSync(join(folder, left));
    await initStore(folder, { ...parts, actor });
    expect(await positionOf(await open(folder))).toBe(1);
  });

  it("is refused where there is a store, and leaves that one as it was", async () => {
    const folder = await freshStore();
    const before = await (await open(folder)).use((log) => log.head());
    await expect(initStore(folder, { ...parts, actor })).rejects.toMatchObject({ code: "STORE_EXISTS" });
    expect(await (await open(folder)).use((log) => log.head())).toEqual(before);
  });

  it("is refused where there is anything else, naming it", async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, "photo.jpg"), "");
    await expect(initStore(folder, { ...parts, actor })).rejects.toMatchObject({
      code: "STORE_EXISTS",
      facts: { foreign: "photo.jpg" },
    });
    expect(readdirSync(folder)).toEqual(["photo.jpg"]);
  });

  it("lets exactly one of two at the same time make it", async () => {
    const folder = join(freshFolder(), "store");
    const both = await Promise.allSettled([1, 2].map(() => initStore(folder, { ...parts, actor })));
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const loser = both.find((outcome) => outcome.status === "rejected");
    expect(loser?.reason).toMatchObject({ code: "STORE_EXISTS" });
    expect(readdirSync(folder).sort()).toEqual(["checkpoints", "head", "layers", "log", "run"]);
  });
});

describe("opening a store", () => {
  it("is STORE_NOT_FOUND with the way to make one when nothing is there", async () => {
    const empty = freshFolder();
    const file = join(empty, "file");
    for (const folder of [join(empty, "missing"), empty]) {
      await expect(open(folder)).rejects.toMatchObject({
        code: "STORE_NOT_FOUND",
        hint: expect.stringContaining("snapledger init") as string,
      });
    }
    writeFileSync(file, "");
    await expect(open(join(file, "below"))).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
    expect(readdirSync(empty)).toEqual(["file"]);
  });

  it("is LOG_DAMAGED, and makes nothing new, when the database lost its CURRENT", async () => {
    const folder = await freshStore();
    rmSync(join(folder, "log", "CURRENT"));
    await expect(positionOf(await open(folder))).rejects.toMatchObject({ code: "LOG_DAMAGED" });
    expect(existsSync(join(folder, "log", "CURRENT"))).toBe(false);
  });

  it.each([
    ["a file", "is not a folder", (folder: string) => (writeFileSync(`${folder}-file`, ""), `${folder}-file`)],
    ["a link", "is a symbolic link", (folder: string) => (symlinkSync(folder, `${folder}-link`), `${folder}-link`)],
    ["open to its group", "can be written to by others", (folder: string) => (chmodSync(folder, 0o770), folder)],
    ["open to all", "can be written to by others", (folder: string) => (chmodSync(folder, 0o702), folder)],
  ])("is STORE_UNSAFE when it is %s", async (_, why, make) => {
    const folder = make(await freshStore());
    await expect(open(folder)).rejects.toMatchObject({ code: "STORE_UNSAFE", facts: { folder, why } });
    const code = why === "can be written to by others" ? "STORE_EXISTS" : "STORE_UNSAFE";
    await expect(initStore(folder, { ...parts, actor })).rejects.toMatchObject({ code });
  });

  it.each([
    ["others can write to", 0o777],
    ["others can write to, each their own, as /tmp", 0o1777],
  ])("is STORE_NOT_FOUND, and says nothing of its mode, in a folder without one that %s", async (_, mode) => {
    const folder = freshFolder();
    writeFileSync(join(folder, "photo.jpg"), "");
    chmodSync(folder, mode);
    await expect(open(folder)).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
    await expect(initStore(folder, { ...parts, actor })).rejects.toMatchObject({ code: "STORE_EXISTS" });
    rmSync(join(folder, "photo.jpg"));
    await expect(initStore(folder, { ...parts, actor })).rejects.toMatchObject({
      ...{ code: "STORE_UNSAFE", hint: "Name a folder of its own for the store with --store." },
    });
    expect(statSync(folder).mode & 0o7777).toBe(mode);
  });

  it("says how to close a store to others, unless that would close a folder as /tmp", async () => {
    const folder = `${await freshStore()} of Ann's`;
    renameSync(folder.replace(" of Ann's", ""), folder);
    chmodSync(folder, 0o777);
    const quoted = `'${folder.replace("'", String.raw`'\''`)}'`;
    await expect(open(folder)).rejects.toMatchObject({ code: "STORE_UNSAFE", hint: `chmod 700 ${quoted}` });
    chmodSync(folder, 0o1777);
    await expect(open(folder)).rejects.toMatchObject({
      ...{ code: "STORE_UNSAFE", hint: "Name a folder of its own for the store with --store." },
    });
  });

  it("holds the database only while it is used", async () => {
    const folder = await freshStore();
    const [one, two] = [await open(folder), await open(folder)];
    await appendTo(one);
    await appendTo(two);
    expect(await positionOf(one)).toBe(3);
  });

  it("shares one opening among uses that overlap", async () => {
    const store = await open(await freshStore());
    await Promise.all(Array.from({ length: 20 }, () => appendTo(store)));
    await store.use((log) => store.use(() => log.append([stopped(domain)])));
    expect(await positionOf(store)).toBe(22);
  });

  it("gives the error of its user on, and can be used again", async () => {
    const store = await open(await freshStore());
    await expect(store.use(() => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(await positionOf(store)).toBe(1);
  });

  it("writes what was appended without waiting for it", async () => {
    const store = await open(await freshStore());
    let appending: Promise<unknown> = Promise.resolve();
    await store.use((log) => {
      appending = log.append([stopped(domain)]);
      return Promise.resolve();
    });
    await appending;
    expect(await positionOf(store)).toBe(2);
  });

  it("notices between two uses that the store went away", async () => {
    const folder = await freshStore();
    const store = await open(folder);
    rmSync(folder, { recursive: true });
    await expect(positionOf(store)).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
    expect(existsSync(folder)).toBe(false);
  });

  it("takes no more once it is closed", async () => {
    const store = await open(await freshStore(), { hold: true });
    await appendTo(store);
    await store.close();
    await expect(positionOf(store)).rejects.toMatchObject({ code: "LOG_UNWRITABLE" });
  });
});

describe("a store that somebody else holds", () => {
  it("is LOG_BUSY after the wait, naming who, and free again when they let go", async () => {
    const folder = await freshStore();
    const holder = await open(folder, { hold: true, verb: "serve" });
    await appendTo(holder);
    const other = await open(folder, { waitMs: 20 });
    await expect(positionOf(other)).rejects.toMatchObject({
      code: "LOG_BUSY",
      facts: { waitMs: 20, holder: { pid: process.pid, verb: "serve", since: "2026-01-01T00:00:00.000Z" } },
    });
    await holder.close();
    expect(await positionOf(other)).toBe(2);
  });

  it("is waited for", async () => {
    const folder = await freshStore();
    const holder = await open(folder, { hold: true });
    await appendTo(holder);
    const waiting = appendTo(await open(folder, { waitMs: 30_000 }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await holder.close();
    await waiting;
    expect(await positionOf(await open(folder))).toBe(3);
  });

  it("is busy for another process too, and free when that was killed", async () => {
    const folder = await freshStore();
    const child = await holdInProcess(folder);
    const other = await open(folder);
    await expect(positionOf(other)).rejects.toMatchObject({ code: "LOG_BUSY", facts: { holder: { pid: child.pid } } });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await positionOf(other)).toBe(1);
  });

  it("is LOG_BUSY also when its holder could not leave a name", async () => {
    const folder = await freshStore();
    rmSync(storeLayout(folder).run, { recursive: true });
    const holder = await open(folder, { hold: true });
    await positionOf(holder);
    await expect(positionOf(await open(folder))).rejects.toMatchObject({ code: "LOG_BUSY", facts: { holder: null } });
  });
});

/** Another process that opens the store and keeps it. */
async function holdInProcess(folder: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, "hold-store.ts"), [folder], {
    execArgv: ["--import", "tsx"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  return child;
}
