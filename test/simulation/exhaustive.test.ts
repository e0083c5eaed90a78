import { join } from "node:path";
import { expect, test } from "vitest";
import type { Command } from "../../src/events/command.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { told } from "../deeds.ts";
import { freshFolder } from "../folders.ts";
import type { Model } from "../model.ts";
import { applyModel } from "../model.ts";
import { Template } from "../template.ts";
import { expectSettled } from "../truth.ts";
import { oneDisk, twoDisks, World } from "../world.ts";
import type { DiskOf } from "../world.ts";
import { bringAbout, commandsFor, situations, situationTold } from "./cases.ts";
import type { Situation } from "./cases.ts";

/** The model and real images, side by side, in every situation of up to four snapshots. */

const whole = process.env["SNAPLEDGER_TESTS"] === "whole";
const all = situations();
/** Without order in it, so that a sample has all sizes of trees, places and marks. */
const shuffled = all.map((_, i) => all[(i * 89) % all.length]!);

test("the situations are all that there are", () => {
  expect(new Set(all.map(situationTold)).size).toBe(all.length);
  expect(new Set(shuffled).size).toBe(all.length);
});

describeSituations("one disk", oneDisk, whole ? shuffled : shuffled.slice(0, 12));
describeSituations("two disks", twoDisks, shuffled.slice(0, whole ? 40 : 3));

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
