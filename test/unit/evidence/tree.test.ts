import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { LogAccess } from "../../../src/events/log.ts";
import { memoryEventLog } from "../../../src/events/memory-log.ts";
import { digest } from "../../../src/evidence/crypto.ts";
import { noTileCache, tileFile, type Tiles } from "../../../src/evidence/tiles.ts";
import { recordTree } from "../../../src/evidence/tree.ts";
import { toHex } from "../../../src/proof/base64.ts";
import { consistencyPath, inclusionPath, leafHash, rootOf, type Leaves } from "../../../src/proof/merkle.ts";
import { actor, stopped } from "../../support/events.ts";
import { freshFolder } from "../../support/folders.ts";

/** Six full tiles and a part of one. */
const size = 6 * 256 + 37;
const domain = "0190a000-0000-7000-8000-00000000000a";

interface Log {
  readonly access: LogAccess;
  /** What was read, by position. */
  readonly reads: number[];
  readonly leaves: readonly Uint8Array[];
}

async function logOf(records: number, clock = () => 0): Promise<Log> {
  const lines: string[] = [];
  const log = memoryEventLog({ clock, newId: () => "id", actor, disk: lines });
  await Promise.all(Array.from({ length: records - 1 }, () => log.append([stopped(domain)])));
  const reads: number[] = [];
  const watched: typeof log = {
    ...log,
    async *read(range) {
      for await (const stored of log.read(range)) {
        reads.push(stored.record.position);
        yield stored;
      }
    },
  };
  const utf8 = new TextEncoder();
  return {
    access: { use: (work) => work(watched), close: () => Promise.resolve() },
    reads,
    leaves: lines.map((line) => leafHash(utf8.encode(line), digest)),
  };
}

let log: Log;
let other: Log;
beforeAll(async () => {
  log = await logOf(size);
  other = await logOf(size, () => 1000);
});

const rootHex = ({ leaves }: Log, { from, to }: Leaves) => toHex(rootOf(leaves.slice(from, to), digest));
const whole = { from: 0, to: size };

describe("the tree over a log's records", () => {
  it("has the stored lines as its leaves, at every size", async () => {
    for (const at of [1, 2, 255, 256, 257, 511, 512, 513, 1000, 1024, 1025, size - 1, size]) {
      const tree = await recordTree(log.access, at, noTileCache);
      expect(toHex(await tree.root({ from: 0, to: at }))).toBe(rootHex(log, { from: 0, to: at }));
    }
  });

  it("gives the hashes of every proof", async () => {
    for (const at of [255, 256, 257, 1280, size]) {
      const tree = await recordTree(log.access, at, noTileCache);
      const some = [1, 2, 100, 255, 256, 257, 512, 1000, at - 1, at].filter((position) => position <= at);
      const paths = some.flatMap((position) => [inclusionPath(position - 1, at), consistencyPath(position, at)]);
      for (const path of paths)
        expect((await tree.roots(path)).map(toHex)).toEqual(path.map((leaves) => rootHex(log, leaves)));
    }
  });
});

describe("the cache of a tree", () => {
  it("spares reading the records that it covers", async () => {
    const cache = tileFile(freshFolder());
    await recordTree(log.access, size, cache);
    log.reads.length = 0;
    const tree = await recordTree(log.access, size, cache);
    expect(toHex(await tree.root(whole))).toBe(rootHex(log, whole));
    expect(log.reads.length).toBeLessThan(50);
    expect(toHex(await (await recordTree(log.access, 1000, cache)).root({ from: 0, to: 1000 }))).toBe(
      rootHex(log, { from: 0, to: 1000 }),
    );
  });

  it("goes on from where it ends", async () => {
    const cache = tileFile(freshFolder());
    await recordTree(log.access, 1100, cache);
    expect((await cache.load())?.position).toBe(1024);
    const tree = await recordTree(log.access, size, cache);
    expect(toHex(await tree.root(whole))).toBe(rootHex(log, whole));
  });

  it("is thrown away when it is of another history, or of a longer log", async () => {
    const cache = tileFile(freshFolder());
    await recordTree(log.access, size, cache);
    expect(toHex(await (await recordTree(other.access, size, cache)).root(whole))).toBe(rootHex(other, whole));
    const short = await logOf(700);
    const tree = await recordTree(short.access, 700, cache);
    expect(toHex(await tree.root({ from: 0, to: 700 }))).toBe(rootHex(short, { from: 0, to: 700 }));
  });

  it("is thrown away when any byte of its file was changed, and when it cannot be written", async () => {
    const folder = freshFolder();
    const cache = tileFile(folder);
    await recordTree(log.access, size, cache);
    const path = join(folder, "tree.json");
    const file = readFileSync(path);
    for (let at = 0; at < file.length; at += 7) {
      const changed = Buffer.from(file);
      changed[at]! ^= 1;
      writeFileSync(path, changed);
      expect(await cache.load()).toBeUndefined();
    }
    const tree = await recordTree(log.access, size, tileFile("/nowhere"));
    expect(toHex(await tree.root(whole))).toBe(rootHex(log, whole));
  });

  it("is believed when it is whole: so what verifies a log must not use it", async () => {
    const wrong = async (): Promise<Tiles> => {
      const cache = tileFile(freshFolder());
      await recordTree(log.access, size, cache);
      const tiles = (await cache.load())!;
      return { ...tiles, roots: tiles.roots.toReversed() };
    };
    const tree = await recordTree(log.access, size, { load: wrong, save: () => Promise.resolve() });
    expect(toHex(await tree.root(whole))).not.toBe(rootHex(log, whole));
  });
});
