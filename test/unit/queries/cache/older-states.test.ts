import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { cachedStateFiles, nothingCached, readDomainState } from "../../../../src/queries/cache/cached-states.ts";
import type { EventLog } from "../../../../src/events/log.ts";
import { memoryEventLog } from "../../../../src/events/memory-log.ts";
import { olderDistance } from "../../../../src/queries/cache/older-states.ts";
import { compare } from "../../../../src/projections/replay/compare.ts";
import { emptyState } from "../../../../src/projections/state.ts";
import { freshFolder } from "../../../support/folders.ts";
import { Historian } from "../../../support/histories.ts";

const historian = new Historian();
const [web = ""] = historian.domains;
const events = 1100;
let log: EventLog;

beforeAll(() => {
  historian.play({ verb: "define", domain: web });
  for (let i = 0; historian.state(web).revision < events; i++) {
    historian.play({ verb: "create", domain: web, pick: i % 20 });
    historian.play({ verb: "discard", domain: web, pick: i % 7, force: true });
  }
  log = memoryEventLog({ clock: () => 0, newId: () => "", disk: historian.lines });
});

const olderFiles = (folder: string) => readdirSync(folder).filter((name) => /\.\d+\.\d+\.json$/.test(name));

describe("older cached states", () => {
  test("are left by whoever folds a long history, and the past is folded from them", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    await readDomainState(log, web, checkpoints);
    expect(olderFiles(folder).map((name) => Number(name.split(".")[1]))).toEqual([1024, 512]);
    const asked: unknown[] = [];
    const watched = {
      ...log,
      readDomain: (...args: Parameters<EventLog["readDomain"]>) => (asked.push(args[1]), log.readDomain(...args)),
    };
    for (const upTo of [400, 700, 1090]) {
      const then = await readDomainState(watched, web, checkpoints, { upTo });
      expect(compare(then, await readDomainState(log, web, nothingCached, { upTo }))).toEqual([]);
    }
    expect(asked).toEqual([{ upTo: 400 }, { fromRevision: 512, upTo: 700 }, { fromRevision: 1024, upTo: 1090 }]);
  });

  test("that are damaged are passed over; those of another history are thrown away", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    await readDomainState(log, web, checkpoints);
    const [late = ""] = olderFiles(folder);
    writeFileSync(join(folder, late), "nothing of ours");
    expect((await checkpoints.loadOlder(web, 1090))?.revision).toBe(512);
  });

  test("of another history of the same domain are thrown away", async () => {
    const folder = freshFolder();
    const checkpoints = cachedStateFiles(folder);
    const here = await readDomainState(log, web, nothingCached, { upTo: 513 });
    await checkpoints.saveOlder({ ...here, name: "elsewhere", hash: "sha256:0" });
    expect(olderFiles(folder)).toHaveLength(1);
    const then = await readDomainState(log, web, checkpoints, { upTo: 520 });
    expect(then.name).toBe(here.name);
    expect(await checkpoints.loadOlder(web, 520)).toMatchObject({ hash: here.hash });
  });

  test("are no more than 48 however long the history, and fewer when the state is large", () => {
    for (const revision of [512, 5120, 50_000, 1_000_000, 50_000_000]) {
      const distance = olderDistance({ ...emptyState(web), revision });
      expect(distance % 512).toBe(0);
      expect(Math.floor(revision / distance)).toBeLessThanOrEqual(48);
    }
    const snapshots = new Map(Array.from({ length: 16_384 }, (_, i) => [String(i), {} as never]));
    expect(Math.floor(1_000_000 / olderDistance({ ...emptyState(web), revision: 1_000_000, snapshots }))).toBeLessThan(
      8,
    );
  });
});
