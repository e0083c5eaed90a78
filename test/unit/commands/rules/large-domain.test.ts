import { describe, expect, test } from "vitest";
import { domainLimits } from "../../../../src/commands/rules/limits.ts";
import { memoryDriver } from "../../../../src/drivers/memory/index.ts";
import type { Command, UndefineDomain } from "../../../../src/events/command.ts";
import type { EventRecord, NewEvent } from "../../../../src/events/events.ts";
import type { EventLog } from "../../../../src/events/log.ts";
import type { Affected } from "../../../../src/events/records.ts";
import { limits } from "../../../../src/events/limits.ts";
import { headOf, layerOf } from "../../../../src/projections/layers.ts";
import type { DomainState } from "../../../../src/projections/state.ts";
import { deactivation } from "../../../support/commands.ts";
import { caller, refused, World } from "../../../support/world.ts";

/** A domain as large as one may get. Whatever one command does to all of it stands in the log, whole. */

const most = domainLimits.snapshots;
/** As long as a name may be, and twice as long in JSON. */
const names = Array.from({ length: most - 2 }, (_, n) => String(n).padStart(255, '"'));

interface Large {
  readonly world: World;
  readonly uuid: string;
}

/** "lower" on the base image, "upper" on it, and all others on one of these; each is a file of its own. */
async function largeOn(on: "lower" | "upper"): Promise<Large> {
  const world = new World("/vm", memoryDriver());
  const uuid = await world.defineOn("vm", [{ target: "vda", path: "/vm/base.qcow2", format: "qcow2" }]);
  await world.create("vm", "lower");
  await world.create("vm", "upper");
  const events = othersOn(await world.state(uuid), on, world);
  await world.context().log.use((log) => appendAll(log, events));
  expect((await world.state(uuid)).snapshots.size).toBe(most);
  return { world, uuid };
}

function othersOn(state: DomainState, on: string, { newId }: World): NewEvent[] {
  const parent = { id: state.byName.get(on) ?? "", name: on };
  const below = layerOf(state, state.snapshots.get(parent.id)?.layers["vda"]);
  const { file } = headOf(state, "vda");
  const asked = { domain: state.id, actor: caller, reason: null, ticket: null, operation: null, commandId: null };
  const plain = { description: "", parent, state: "off", automatic: false, memory: null } as const;
  return names.map((name) => {
    const layer = newId();
    const own = { path: `${state.layersFolder}/${layer}.qcow2`, inode: layer };
    const frozen = { ...file, ...own, target: "vda", layer, backing: below.id, compression: null };
    const snapshot = { ...plain, id: newId(), name, layers: [frozen] };
    return { ...asked, type: "SnapshotCreated", schema: 1, data: { snapshot, heads: [] } };
  });
}

async function appendAll(log: EventLog, events: readonly NewEvent[]): Promise<void> {
  for (let i = 0; i < events.length; i += 1000) await log.append(events.slice(i, i + 1000));
}

const forced = (type: "MergeSnapshot" | "DiscardSnapshot", name: string) =>
  deactivation(type, "vm", name, { force: true });
const undefining = (keep: UndefineDomain["keep"]): Command => ({ type: "UndefineDomain", domain: "vm", keep });

function lastOf<T extends EventRecord["type"]>({ world }: Large, type: T): Extract<EventRecord, { type: T }> {
  const found = world.records().findLast((record) => record.type === type);
  if (!found) throw new Error(`there is no ${type}`);
  return found as Extract<EventRecord, { type: T }>;
}

function namesIn(affected: readonly Affected[]): string[] {
  return affected.flatMap((one) => (one.kind === "snapshot" ? [one.snapshot.name] : []));
}

function mostBytes({ world }: Large): number {
  return Math.max(...world.lines.map((line) => Buffer.byteLength(line)));
}

describe(`a domain of ${most} snapshots with the longest names`, () => {
  test("is kept from losing them by the rule's code, and the log names each that would go", async () => {
    const large = await largeOn("lower");
    const { world, uuid } = large;
    for (const [command, code, lost] of [
      [() => world.discard("vm", "lower"), "DISCARD_WOULD_ORPHAN", ["upper", ...names]],
      [() => world.merge("vm", "upper"), "MERGE_WOULD_ORPHAN", names],
    ] as const) {
      const { message, position } = await refused(command(), code);
      const record = lastOf(large, "CommandRejected");
      expect(record).toMatchObject({ position, data: { code, message } });
      expect(record.data.errorFacts["orphaned"]).toEqual(lost);
      expect(message, "as much as a person can read").toMatch(new RegExp(` and ${lost.length - 100} more\\.$`));
    }
    await refused(world.run(undefining("refuse")), "DOMAIN_HAS_SNAPSHOTS");
    expect((await world.state(uuid)).snapshots.size).toBe(most);
  });

  test("loses all by one discard with force", async () => {
    const large = await largeOn("lower");
    await large.world.run(forced("DiscardSnapshot", "lower"));
    const { data } = lastOf(large, "SnapshotDiscarded");
    expect(namesIn(data.sets.orphaned)).toEqual(["upper", ...names]);
    expect((await large.world.state(large.uuid)).layers.size, "the base image and a head").toBe(2);
  });

  test("loses all but two by one merge with force", async () => {
    const large = await largeOn("lower");
    await large.world.run(forced("MergeSnapshot", "upper"));
    expect(namesIn(lastOf(large, "SnapshotMerged").data.sets.orphaned)).toEqual(names);
    const { byName, layers } = await large.world.state(large.uuid);
    expect([...byName.keys()]).toEqual(["lower"]);
    expect(layers.size, "its layer, the base image and a head").toBe(3);
  });

  test("hangs all on another by one merge, which is folded", async () => {
    const large = await largeOn("upper");
    await large.world.merge("vm", "upper");
    expect(namesIn(lastOf(large, "SnapshotMerged").data.sets.reparented)).toEqual(names);
    expect(lastOf(large, "LayersCompacted").data.repointed).toHaveLength(names.length + 1);
  });

  test.each(["discard-all", "keep-files"] as const)("is undefined with --%s", async (keep) => {
    const large = await largeOn("lower");
    await large.world.run(undefining(keep));
    const { destroyed, discarded, kept } = lastOf(large, "DomainUndefined").data;
    expect(discarded.map(({ name }) => name)).toEqual(["lower", "upper", ...names]);
    expect(namesIn(destroyed)).toEqual(keep === "discard-all" ? ["lower", "upper", ...names] : []);
    expect(kept).toHaveLength(keep === "discard-all" ? 0 : most + 1);
    expect(mostBytes(large), "with room for more disks").toBeLessThan(limits.recordBytes / 3);
  });
});
