import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keepFiles } from "../../../src/store/integrity/original-files.ts";
import { openLevelEventLog } from "../../../src/events/level/level-log.ts";
import { openStore } from "../../../src/store/store.ts";
import { stopped } from "../../support/events.ts";
import {
  append,
  contents,
  copyFiles,
  domain,
  freshStore,
  lastPosition,
  opened,
  parts,
  records,
  writeAheadLog,
} from "../../support/stores.ts";

const damaged = (facts: object = {}): object =>
  expect.objectContaining({
    code: "LOG_DAMAGED",
    facts: expect.objectContaining(facts) as object,
    hint: expect.stringMatching(/salvage/) as string,
  }) as object;

/** What is stored, without the files that only opening makes. */
function stored(folder: string): Map<string, string> {
  const kept = [...contents(folder)].filter(([name]) => !/\/(LOCK|LOG|LOG\.old)$/.test(name));
  return new Map(kept.filter(([name]) => !name.startsWith("run/")));
}

/** Rejected twice with the same words, and nothing of what is stored changed by being asked. */
async function expectRefused(folder: string, facts: object): Promise<void> {
  const before = stored(folder);
  await expect(lastPosition(folder)).rejects.toEqual(damaged(facts));
  await expect(append(folder, 1)).rejects.toEqual(damaged(facts));
  expect(stored(folder)).toEqual(before);
}

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
  writeFileSync(path, bytes);
}

describe("LevelDB loses records of a clean close without a word, and the head file tells", () => {
  it("one flipped bit in the write-ahead log", async () => {
    const folder = await freshStore();
    await append(folder, 200);
    flip(writeAheadLog(folder), 40_000);
    await expectRefused(folder, { why: expect.stringContaining("it is missing") as string });
  });

  it("one flipped bit in the last record", async () => {
    const folder = await freshStore();
    await append(folder, 20);
    const path = writeAheadLog(folder);
    flip(path, readFileSync(path).length - 100);
    await expectRefused(folder, { position: 21, why: "it is missing: the log went on to 21" });
  });

  it("a write-ahead log that was cut, emptied or deleted", async () => {
    const cut = await freshStore();
    await append(cut, 20);
    truncateSync(writeAheadLog(cut), 5000);
    await expectRefused(cut, {});
    truncateSync(writeAheadLog(cut), 0);
    await expectRefused(cut, { position: 2 });
    rmSync(writeAheadLog(cut));
    await expectRefused(cut, { position: 2 });
  });

  it("a CURRENT that is gone or names another manifest", async () => {
    const folder = await freshStore();
    await append(folder, 3);
    const current = join(folder, "log", "CURRENT");
    const was = readFileSync(current);
    writeFileSync(current, "MANIFEST-000099\n");
    await expectRefused(folder, {});
    rmSync(current);
    await expectRefused(folder, { why: expect.stringContaining("CURRENT is missing") as string });
    writeFileSync(current, was);
    expect(await lastPosition(folder)).toBe(4);
  });

  it("a manifest of yesterday: the tables that it does not know are not deleted", async () => {
    const folder = await freshStore();
    await append(folder, 5);
    const old = join(folder, "..", "old");
    copyFiles(join(folder, "log"), old);
    for (let i = 0; i < 3; i++) await append(folder, 5);
    const kept = join(folder, "..", "kept");
    copyFiles(join(folder, "log"), kept);
    rmSync(join(folder, "log", "CURRENT"));
    for (const name of [...contents(old).keys()].filter((file) => /^(MANIFEST|CURRENT)/.test(file)))
      copyFileSync(join(old, name), join(folder, "log", name));
    await expectRefused(folder, {});
    rmSync(join(folder, "log"), { recursive: true });
    renameSync(kept, join(folder, "log"));
    expect(await lastPosition(folder)).toBe(21);
  });

  it("yesterday's manifest and write-ahead log, with a flipped bit: the table that was made of it is not deleted", async () => {
    const folder = await freshStore();
    await append(folder, 200);
    const old = join(folder, "..", "old");
    copyFiles(join(folder, "log"), old);
    await append(folder, 5);
    rmSync(join(folder, "log", "CURRENT"));
    for (const name of [...contents(old).keys()].filter((file) => /^(MANIFEST|CURRENT)|\.log$/.test(file)))
      copyFileSync(join(old, name), join(folder, "log", name));
    const [oldLog = ""] = [...contents(old).keys()].filter((file) => file.endsWith(".log"));
    flip(join(folder, "log", oldLog), 40_000);
    await expectRefused(folder, { why: "it is missing" });
  });

  it("a manifest under the name of the write-ahead log, of which LevelDB itself would die", async () => {
    const folder = await freshStore();
    await append(folder, 5);
    const [manifest = ""] = [...contents(folder).keys()].filter((name) => name.startsWith("log/MANIFEST"));
    copyFileSync(join(folder, manifest), writeAheadLog(folder));
    await expectRefused(folder, { why: expect.stringContaining("is no write-ahead log") as string });
  });

  it("a database folder that is gone", async () => {
    const folder = await freshStore();
    rmSync(join(folder, "log"), { recursive: true });
    await expect(lastPosition(folder)).rejects.toEqual(damaged({}));
    expect(existsSync(join(folder, "log"))).toBe(false);
  });
});

describe("the head file", () => {
  const headOf = (folder: string): string => join(folder, "head");

  it("may be behind the log by the one group that nobody was told of, and is brought up to date", async () => {
    const folder = await freshStore();
    await append(folder, 4);
    const before = readFileSync(headOf(folder));
    await append(folder, 1);
    writeFileSync(headOf(folder), before);
    expect(await lastPosition(folder)).toBe(6);
    expect(readFileSync(headOf(folder), "utf8")).toContain('"position":6');
  });

  it("outlives a torn write of either slot", async () => {
    for (const offset of [10, 4096 + 10]) {
      const folder = await freshStore();
      await append(folder, 3);
      flip(headOf(folder), offset);
      expect(await lastPosition(folder)).toBe(4);
      await append(folder, 1);
      flip(headOf(folder), 4096 + 10 - offset + 10);
      expect(await lastPosition(folder)).toBe(5);
    }
  });

  it.each([
    ["is missing", (path: string) => rmSync(path), /is missing/],
    ["has no whole slot", (path: string) => writeFileSync(path, "x".repeat(5000)), /neither of its slots/],
    ["is empty", (path: string) => writeFileSync(path, ""), /neither of its slots/],
  ])("is LOG_DAMAGED when it %s", async (_, harm, why) => {
    const folder = await freshStore();
    await append(folder, 3);
    harm(headOf(folder));
    await expectRefused(folder, { why: expect.stringMatching(why) as string });
  });

  it("moves nothing when it is damaged and somebody has the database open in spite of the lock", async () => {
    const folder = await freshStore();
    await append(folder, 3);
    rmSync(headOf(folder));
    const log = join(folder, "log");
    const { ino } = statSync(log);
    const other = await openLevelEventLog(log, parts);
    await expect(lastPosition(folder)).rejects.toMatchObject({ code: "LOG_BUSY" });
    expect(statSync(log).ino).toBe(ino);
    expect(existsSync(join(folder, "log.aside"))).toBe(false);
    await other.close();
  });

  it("is LOG_DAMAGED when it is that of another log", async () => {
    const [folder, other] = [await freshStore(), await freshStore()];
    copyFileSync(headOf(other), headOf(folder));
    await expectRefused(folder, { position: 1 });
  });

  it("is LOG_DAMAGED when it is much older than the log", async () => {
    const folder = await freshStore();
    const before = readFileSync(headOf(folder));
    await opened(folder, (store) =>
      store.use(async (log) => {
        for (let n = 0; n < 3; n++) await log.append(Array.from({ length: 999 }, () => stopped(domain)));
      }),
    );
    writeFileSync(headOf(folder), before);
    await expectRefused(folder, { position: 2 });
  });

  it("is LOG_DAMAGED when the log is of the same length, but another history", async () => {
    const folder = await freshStore();
    await append(folder, 3);
    const other = join(folder, "..", "other");
    copyFiles(join(folder, "log"), other);
    await append(folder, 1);
    const log = await openLevelEventLog(other, { ...parts, clock: () => parts.clock() + 1000 });
    await log.append([stopped(domain)]);
    await log.close();
    rmSync(join(folder, "log"), { recursive: true });
    renameSync(other, join(folder, "log"));
    await expectRefused(folder, { position: 5, why: "its hash is not the one in the head file" });
  });
});

describe("an opening that died", () => {
  it("before its check is taken up as the files were found", async () => {
    const folder = await freshStore();
    await append(folder, 30);
    const before = join(folder, "log.aside");
    keepFiles(join(folder, "log"), before);
    // As LevelDB leaves it when it dropped what it could not read.
    rmSync(writeAheadLog(folder));
    expect(await lastPosition(folder)).toBe(31);
    expect(existsSync(before)).toBe(false);
  });

  it("after its check is taken up as the log is", async () => {
    const folder = await freshStore();
    await append(folder, 3);
    const aside = join(folder, "..", "aside");
    copyFiles(join(folder, "log"), aside);
    await append(folder, 3);
    renameSync(aside, join(folder, "log.aside"));
    expect(await lastPosition(folder)).toBe(7);
    expect(existsSync(join(folder, "log.aside"))).toBe(false);
  });

  it("between the two renames that put the files back is taken up there", async () => {
    const folder = await freshStore();
    await append(folder, 3);
    renameSync(join(folder, "log"), join(folder, "log.aside"));
    mkdirSync(join(folder, "log.opened"));
    expect(await lastPosition(folder)).toBe(4);
  });

  it("while it set the files aside leaves nothing that counts", async () => {
    const folder = await freshStore();
    await append(folder, 3);
    mkdirSync(join(folder, "log.aside.unfinished"));
    writeFileSync(join(folder, "log.aside.unfinished", "CURRENT"), "");
    expect(await lastPosition(folder)).toBe(4);
    expect(existsSync(join(folder, "log.aside.unfinished"))).toBe(false);
  });
});

describe("rm of a lock", () => {
  it("lets nobody in: neither LevelDB's own nor any of ours", async () => {
    const folder = await freshStore();
    await opened(folder, async (store) => {
      await store.use((log) => log.append([stopped(domain)]));
      rmSync(join(folder, "log", "LOCK"));
      rmSync(join(folder, "run"), { recursive: true });
      await expect(lastPosition(folder)).rejects.toMatchObject({ code: "LOG_BUSY", facts: { holder: null } });
    });
  });

  it("stops who holds it from writing: there might be two", async () => {
    const folder = await freshStore();
    await opened(folder, async (store) => {
      const write = () => store.use((log) => log.append([stopped(domain)]));
      await write();
      rmSync(join(folder, "log", "LOCK"));
      await expect(write()).rejects.toMatchObject({ code: "LOG_UNWRITABLE" });
      expect(await store.use(async (log) => (await log.head()).position)).toBe(2);
    });
    expect(await lastPosition(folder)).toBe(2);
  });

  it("and a replaced head file stops it too", async () => {
    const folder = await freshStore();
    await opened(folder, async (store) => {
      await store.use((log) => log.append([stopped(domain)]));
      const bytes = readFileSync(join(folder, "head"));
      rmSync(join(folder, "head"));
      writeFileSync(join(folder, "head"), bytes);
      await expect(store.use((log) => log.append([stopped(domain)]))).rejects.toMatchObject({ code: "LOG_UNWRITABLE" });
    });
    expect(await lastPosition(folder)).toBe(2);
  });
});

it("a store that is reached over two paths is one store", async () => {
  const folder = await freshStore();
  const other = join(folder, "..", "..", ".", join(folder, "..").split("/").at(-1) ?? "", "store");
  const store = await openStore(folder, { ...parts, waitMs: 0, hold: true });
  await store.use((log) => log.head());
  await expect(lastPosition(other)).rejects.toMatchObject({ code: "LOG_BUSY" });
  await store.close();
  expect((await records(other)).length).toBe(1);
});
