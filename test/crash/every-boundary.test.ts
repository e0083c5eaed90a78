import { join } from "node:path";
import { expect, test } from "vitest";
import { fuse } from "../support/faults.ts";
import type { Command } from "../../src/events/command.ts";
import { deactivation, snapshotting, starting, told } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import type { Model } from "../support/model.ts";
import { copyOf } from "../support/model.ts";
import { both } from "../support/shapes.ts";
import { bringAbout, commandsFor, situations, situationTold } from "../support/cases.ts";
import type { Situation } from "../support/cases.ts";
import { sizedChains } from "../support/every-sized-chain.ts";
import { finelyMeasured, growSized, isCut, sizedTold } from "../support/sized-chains.ts";
import { whole } from "../support/sample.ts";
import { Template } from "../support/world-template.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, twoDisks, World } from "../support/world.ts";
import type { DiskOf } from "../support/world.ts";
import { boundaries, boundariesOf, die, expectRecovered, victimOf } from "../support/crash-points.ts";
import type { Victim } from "../support/crash-points.ts";

/** The manager dies at every boundary between two effects, of every verb: the log alone says what is true then. */

const all = situations();
const shuffled = all.map((_, i) => all[(i * 89) % all.length]!);

if (whole) {
  describeDeaths("one disk", oneDisk, shuffled.slice(0, 30));
  describeDeaths("two disks", twoDisks, shuffled.slice(30, 36));
} else {
  describeDeaths("one disk", oneDisk, [situation("a, b on a, c on b; clean heads on c")], ["MergeSnapshot"]);
  describeDeaths(
    "two disks",
    twoDisks,
    [situation("a, b on a; dirty heads on b")],
    ["CreateSnapshot", "DeactivateSnapshot"],
  );
  describeDeaths(
    "one disk",
    oneDisk,
    [situation("a, b on a, c; dirty heads on b")],
    ["DiscardSnapshot", "CreateWithSnapshot"],
  );
}

/** Three sizes, off the cluster boundary and old bytes past every end: merges of the upper and of the lower layer. */
const sized = sizedChains();
/** Sizes of base image, lower and upper layer: one that grows twice, one that is cut, one that grows a larger base's overlay. */
const telling = [
  "qcow2 that was cut 264, a 513, s 904",
  "raw 257, a 520, s 512 cut",
  "qcow2 on a larger one 264, a 265, s 321",
];
const chosenSizes = sized.filter((chain, i) => (whole && i % 40 === 0) || telling.includes(sizedTold(chain)));
test.concurrent.each(
  (whole ? chosenSizes : chosenSizes.slice(0, 1)).map((chain) => [sizedTold(chain), chain] as const),
)(
  "sizes of %s: a death at any boundary of a merge leaves before or after",
  { timeout: whole ? 3_600_000 : 600_000 },
  async (_, chain) => {
    const world = finelyMeasured(join(freshFolder(), "world"));
    const { uuid, model } = await growSized(world, chain);
    const template = new Template(world, model);
    let deaths = 0;
    for (const name of whole ? ["s", "a", "top"] : ["s"]) {
      if (await isCut(world, uuid, model.snapshots.get(name)!)) continue;
      const victim = victimOf(world, uuid, model, deactivation("MergeSnapshot", uuid, name));
      template.restore();
      if (victim) deaths += await dieEverywhere(victim, template);
    }
    expect(deaths).toBeGreaterThan(5);
    template.drop();
  },
);

function situation(wanted: string): Situation {
  return all.find((each) => situationTold(each) === wanted)!;
}

function describeDeaths(
  name: string,
  disks: readonly DiskOf[],
  chosen: readonly Situation[],
  verbs?: Command["type"][],
) {
  const named = chosen.map((each) => [situationTold(each), each] as const);
  const title = `${name}: %s: a death at any boundary of ${verbs?.join(", ") ?? "any verb"} leaves before or after`;
  const limit = { timeout: whole ? 3_600_000 : 600_000 };
  test.concurrent.each(named)(title, limit, async (_, one) => {
    const world = new World(join(freshFolder(), "world"));
    const { uuid, model } = await bringAbout(world, one, disks);
    const template = new Template(world, model);
    const commands = [...commandsFor(uuid, model), snapshotting(uuid, "packed", { compression: "zlib" })];
    let deaths = 0;
    for (const command of commands.filter(({ type }) => verbs?.includes(type) ?? true)) {
      const victim = victimOf(world, uuid, model, command);
      template.restore();
      if (victim) deaths += await dieEverywhere(victim, template);
    }
    expect(deaths).toBeGreaterThan(10);
    template.drop();
  });
}

async function dieEverywhere(victim: Victim, template: Template): Promise<number> {
  const { world, uuid, command } = victim;
  const moments = await boundariesOf(victim);
  for (const at of moments) {
    template.restore();
    const message = `${told(command)} died at point ${at}`;
    const truth = await die(victim, at, message);
    await expectRecovered(world, uuid, truth, message);
    if (at % 5 === 0) await expectWorking(world, uuid, truth, message);
    if (at % (whole ? 5 : 17) === 0) await dieAgainEverywhere(victim, template, at, message);
  }
  return moments.length;
}

/** Recovery dies as well, at each of its own boundaries. */
async function dieAgainEverywhere(victim: Victim, template: Template, at: number, message: string): Promise<void> {
  const { world, uuid } = victim;
  template.restore();
  await die(victim, at, message);
  const recovering = fuse();
  await world.run({ type: "RecoverDomain", domain: uuid }, { fuse: recovering });
  for (const again of boundaries(recovering.points)) {
    template.restore();
    const truth = await die(victim, at, message);
    const dying = world.run({ type: "RecoverDomain", domain: uuid }, { fuse: fuse(again) });
    await expect(dying, `${message}, its recovery at ${again}`).rejects.toThrow("crashed");
    await expectReadable(world, uuid, truth, `${message}, its recovery at ${again}`);
    await expectRecovered(world, uuid, truth, `${message}, its recovery at ${again}`);
  }
}

/** What was recovered is as good as any other domain. */
async function expectWorking(world: World, uuid: string, truth: Model, message: string): Promise<void> {
  const model = copyOf(truth);
  await both(world, model, snapshotting(uuid, "later"));
  const [first = "later"] = model.snapshots.keys();
  await both(world, model, starting(uuid, first));
  await expectSettled(world, uuid, model, `${message}, used again`);
}
