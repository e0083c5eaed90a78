import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nothingCached, readDomainState } from "../../../../src/queries/cache/cached-states.ts";
import { connect, init } from "../../../../src/connection/connection.ts";
import { memoryEventLog } from "../../../../src/events/memory-log.ts";
import { storeLayout } from "../../../../src/store/store.ts";
import { keptRevisions, statePool } from "../../../../src/queries/cache/state-pool.ts";
import { compare } from "../../../../src/projections/replay/compare.ts";
import { caller } from "../../../support/two-domains.ts";
import { freshFolder } from "../../../support/folders.ts";
import { Historian } from "../../../support/histories.ts";

const historian = new Historian();
const [web = ""] = historian.domains;
historian.play({ verb: "define", domain: web });
for (let i = 0; i < 4; i++) for (const verb of ["start", "stop"] as const) historian.play({ verb, domain: web });
const log = (lines: readonly string[]) => memoryEventLog({ clock: () => 0, newId: () => "", disk: [...lines] });

/** Kept as of the log's `before`th line. */
async function keptAt(before: number) {
  const kept = statePool();
  const state = () => readDomainState(log(historian.lines.slice(0, before)), web, nothingCached);
  // The first of each stretch of revisions is not kept.
  for (let i = 0; i < 2; i++) kept.release(await state());
  return kept;
}

test("a state goes on with the records that came since, and belongs to one operation at a time", async () => {
  const kept = await keptAt(historian.lines.length - 3);
  const now = log(historian.lines);
  const [first, second] = [await kept.take(now, web), await kept.take(now, web)];
  expect(compare(first, await readDomainState(now, web, nothingCached))).toEqual([]);
  expect(second).toBeUndefined();
});

test("a state of another history is not taken", async () => {
  const kept = await keptAt(historian.lines.length);
  const other = log(historian.lines.slice(0, -2));
  expect(await kept.take(other, web)).toBeUndefined();
});

test("a connection that runs many commands leaves the cached states that others go by", async () => {
  const store = join(freshFolder(), "store");
  await (await init(store, caller)).close();
  const connection = await connect({ store, hold: true });
  const disks = [{ target: "vda", path: "/images/vda.qcow2", format: "qcow2" }] as const;
  const rest = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };
  const define = { type: "DefineDomain", uuid: web, name: "web", driver: "memory", disks, ...rest } as const;
  await connection.execute(define, caller);
  let revision = 0;
  while (revision < 3 * keptRevisions) {
    await connection.execute({ type: "StartDomain", domain: "web", paused: false }, caller);
    ({ revision } = await connection.execute({ type: "DestroyDomain", domain: "web" }, caller));
  }
  await connection.close();
  const files = readdirSync(storeLayout(store).checkpoints);
  expect(files).toContain(`${web}.json`);
  expect(files.filter((name) => name.startsWith(`${web}.512.`))).toHaveLength(1);
  const again = await connect({ store });
  expect((await again.domain("web")).revision).toBe(revision);
  await again.close();
});
