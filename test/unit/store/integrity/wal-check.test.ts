import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Level } from "level";
import { describe, expect, it } from "vitest";
import { holdsBatches } from "../../../../src/store/integrity/wal-check.ts";
import { freshFolder } from "../../../support/folders.ts";

const blockBytes = 32768;
/** What LevelDB writes around the value of one put with a key of one byte: two headers, a tag, three lengths. */
const aroundValue = 7 + 12 + 1 + 2 + 3;

/** LevelDB's own write-ahead log, whose second batch begins so many bytes before the end of a block. */
async function logWith(bytesLeft: number): Promise<Buffer> {
  const folder = join(freshFolder(), "db");
  const db = new Level(folder);
  await db.open();
  await db.put("a", "x".repeat(blockBytes - bytesLeft - aroundValue), { sync: true });
  await db.put("b", "y".repeat(100), { sync: true });
  await db.close();
  const [name = ""] = readdirSync(folder).filter((file) => file.endsWith(".log"));
  return readFileSync(join(folder, name));
}

describe("a write-ahead log as LevelDB writes it", () => {
  it.each(Array.from({ length: 30 }, (_, i) => i))(
    "is one, also when a batch is begun %i bytes before the end of a block",
    async (bytesLeft) => {
      const log = await logWith(bytesLeft);
      expect(log.length).toBeGreaterThan(blockBytes);
      expect(holdsBatches(log)).toBe(true);
    },
  );
});
