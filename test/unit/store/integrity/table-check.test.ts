import { copyFileSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keepFiles } from "../../../../src/store/integrity/original-files.ts";
import { isSound } from "../../../../src/store/integrity/table-check.ts";
import { scanRecords } from "../../../../src/store/integrity/record-scan.ts";
import { rejected } from "../../../support/events.ts";
import { append, contents, domain, freshStore, lastPosition, opened } from "../../../support/stores.ts";

/** What seeds of test/damage found first. */

function tables(folder: string): string[] {
  const names = readdirSync(join(folder, "log")).filter((name) => name.endsWith(".ldb"));
  return names.map((name) => join(folder, "log", name));
}

/** A store whose first records lie in a table. */
async function withTable(): Promise<{ folder: string; table: string }> {
  const folder = await freshStore();
  await append(folder, 20);
  await append(folder, 1);
  const [table = ""] = tables(folder).sort((a, b) => readFileSync(b).length - readFileSync(a).length);
  return { folder, table };
}

/** Without what every opening writes anew. */
function stored(folder: string): Map<string, string> {
  return new Map([...contents(folder)].filter(([name]) => !/^(LOCK|LOG|LOG\.old)$/.test(name)));
}

function edit(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

describe("a table", () => {
  it("is sound as LevelDB writes it, and not once any of its bytes is another", async () => {
    const { table } = await withTable();
    const bytes = readFileSync(table);
    expect(isSound(bytes)).toBe(true);
    // Between what the footer refers to and its last 8 bytes is nothing but padding.
    for (let at = 0; at < bytes.length - 48; at += 97) {
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(at) ^ 4, at);
      expect(isSound(other), `byte ${at}`).toBe(false);
    }
  });

  it("that has lost a block ends no process: it is LOG_DAMAGED, each time, and nothing is changed", async () => {
    const { folder, table } = await withTable();
    edit(table, (bytes) => bytes.fill(0, 0, 512));
    const before = stored(join(folder, "log"));
    for (let opening = 0; opening < 5; opening++)
      await expect(lastPosition(folder)).rejects.toMatchObject({
        code: "LOG_DAMAGED",
        facts: { why: expect.stringContaining("checksum") as string },
      });
    expect(stored(join(folder, "log"))).toEqual(before);
  });

  it("that has lost its end, and with it the way to all its blocks, gives all its records back", async () => {
    const { folder, table } = await withTable();
    truncateSync(table, readFileSync(table).length - 10);
    await expect(lastPosition(folder)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
    expect([...scanRecords([join(folder, "log")])].filter(({ proven }) => proven)).toHaveLength(22);
  });

  it("and a write-ahead log give back records of many megabytes, also those that come after a damaged one", async () => {
    const folder = await freshStore();
    const names = Array.from({ length: 20_000 }, (_, n) => `${n}`.padStart(255, '"'));
    for (const count of [3, 1]) {
      await append(folder, count);
      await opened(folder, (store) => store.use((log) => log.append([rejected(domain, { names })])));
    }
    const log = join(folder, "log");
    const large = readdirSync(log)
      .map((name) => join(log, name))
      .filter((path) => statSync(path).size > 5 * 2 ** 20);
    expect(large.map((path) => path.slice(-4)).sort()).toEqual([".ldb", ".log"]);
    for (const path of large) edit(path, (bytes) => bytes.writeUInt8(0x20, bytes.indexOf('"DomainStopped"') + 1));
    const lengths = [...scanRecords([log])].map(({ line }) => line.length).filter((length) => length > 5 * 2 ** 20);
    expect(lengths).toHaveLength(2);
  });

  it("under another file's name gives them back too", async () => {
    const { folder, table } = await withTable();
    const current = join(folder, "log", "CURRENT");
    copyFileSync(table, current);
    truncateSync(table, 0);
    expect([...scanRecords([join(folder, "log")])].filter(({ proven }) => proven)).toHaveLength(22);
  });
});

it("an opening that died, harmed afterwards in both of its copies, is left as it was found", async () => {
  const { folder, table } = await withTable();
  keepFiles(join(folder, "log"), join(folder, "log.kept"));
  keepFiles(join(folder, "log.kept"), join(folder, "log.aside"));
  edit(table, (bytes) => bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30));
  edit(join(folder, "log.aside", table.split("/").at(-1) ?? ""), (bytes) =>
    bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60),
  );
  const before = [stored(join(folder, "log")), stored(join(folder, "log.aside"))];
  await expect(lastPosition(folder)).rejects.toMatchObject({ code: "LOG_DAMAGED" });
  expect([stored(join(folder, "log")), stored(join(folder, "log.aside"))]).toEqual(before);
});
