import { join } from "node:path";
import { expect, test } from "vitest";
import type { Command } from "../../src/events/command.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { told } from "../support/commands.ts";
import { freshFolder } from "../support/folders.ts";
import type { Model } from "../support/model.ts";
import { applyModel, copyOf } from "../support/model.ts";
import { finelyMeasured, growSized, mergeSized, obstacles, sizedTold, stuckAt } from "../support/sized-chains.ts";
import { sampleOf, whole } from "../support/sample.ts";
import { Template } from "../support/world-template.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { oneDisk, twoDisks, World } from "../support/world.ts";
import type { DiskOf } from "../support/world.ts";
import { bringAbout, commandsFor, situations, situationTold } from "../support/cases.ts";
import type { Situation } from "../support/cases.ts";
import { sizedChains } from "../support/every-sized-chain.ts";

/** The model and real images, side by side, in every situation of up to four snapshots. */

const all = situations();
/** Without order in it, so that a sample has all sizes of trees, places and marks. */
const shuffled = all.map((_, i) => all[(i * 89) % all.length]!);

test("the situations are all that there are", () => {
  expect(new Set(all.map(situationTold)).size).toBe(all.length);
  expect(new Set(shuffled).size).toBe(all.length);
});

describeSituations("one disk", oneDisk, sampleOf(shuffled, 6));
describeSituations("two disks", twoDisks, sampleOf(shuffled.slice(0, 40), 2));

function describeSituations(name: string, disks: readonly DiskOf[], chosen: readonly Situation[]) {
  const named = chosen.map((situation) => [situationTold(situation), situation] as const);
  test.concurrent.each(named)(
    `${name}: %s: every verb on every snapshot leaves what it must`,
    async (_, situation) => {
      const world = new World(join(freshFolder(), "world"));
      const { uuid, model } = await bringAbout(world, situation, disks);
      await expectSettled(world, uuid, model, "before any verb");
      const template = new Template(world, model);
      for (const command of commandsFor(uuid, model)) await expectDone(world, uuid, template.restore(), command);
      template.drop();
    },
    120_000,
  );
}

/** Each with a step that the folds of the first merge do not get past before the second is asked for. */
const allSized = sizedChains().map((chain, i) => [sizedTold(chain), obstacles[i % obstacles.length]!, chain] as const);
/** Those in which a rule of the folds is needed that the others do without; in whole, all. */
const telling = ["qcow2 512, a 256, s 896", "qcow2 that was cut 264, a 513, s 904", "raw 257, a 520, s 512 cut"];

describeSizes(whole ? allSized : allSized.filter(([name]) => telling.includes(name)));

/** The orders in which two merges of the chain are asked for. */
const orders = [
  ["s", "a"],
  ["a", "s"],
  ["top", "s"],
  ["top", "a"],
] as const;

function describeSizes(chosen: typeof allSized) {
  test.concurrent.each(chosen)(
    "sizes of %s: every two merges read right before, meanwhile and after, also stuck at a %s",
    async (_, step, chain) => {
      const world = finelyMeasured(join(freshFolder(), "world"));
      const { uuid, model } = await growSized(world, chain);
      await expectSettled(world, uuid, model, "before any merge");
      const template = new Template(world, model);
      for (const order of orders) {
        const grown = { uuid, model: template.restore() };
        for (const name of order) {
          await mergeSized(world, grown, name);
          await expectSettled(world, uuid, grown.model, `merged ${order.join(", ")}: ${name}`);
        }
        await expectMergedLate(world, { uuid, model: template.restore() }, order, step);
      }
      template.drop();
    },
    300_000,
  );
}

/** The folds of both merges get as far as that step alone; then the disk has room. */
async function expectMergedLate(
  world: World,
  { uuid, model }: { readonly uuid: string; readonly model: Model },
  order: readonly string[],
  step: (typeof obstacles)[number],
): Promise<void> {
  const truth = copyOf(model);
  for (const name of order) {
    const message = `stuck at ${step}, merged ${order.join(", ")}: ${name}`;
    await mergeSized(world, { uuid, model: truth }, name, stuckAt(step));
    await expectReadable(world, uuid, truth, message);
  }
  await world.recover(uuid);
  await expectSettled(world, uuid, truth, `stuck at ${step}, merged ${order.join(", ")}, recovered`);
}

/** Done as the model does it, or refused by the same rule with nothing changed but the log's refusal. */
async function expectDone(world: World, uuid: string, model: Model, command: Command): Promise<void> {
  const before = world.lines.length;
  const refusal = applyModel(model, command);
  const code = await world.run(command).then(() => null, codeOf);
  expect(code, told(command)).toBe(refusal);
  if (refusal !== null) expect(world.types(before), told(command)).toEqual(["CommandRejected"]);
  await expectSettled(world, uuid, model, told(command));
}

function codeOf(error: unknown): string {
  if (isSnapledgerError(error)) return error.code;
  throw error;
}
