import type { Command } from "../../src/events/command.ts";
import { deactivation, snapshotting, starting } from "./commands.ts";
import type { Model } from "./model.ts";
import type { Grown, Shape } from "./shapes.ts";
import { both, drawn, grow, nameOf, placeHeads, shapesOf, writeBoth } from "./shapes.ts";
import type { DiskOf, World } from "./world.ts";

/** Every situation of up to four snapshots, and everything that can be asked for in each. */

export interface Situation {
  readonly shape: Shape;
  /** Where the heads are: the number of a snapshot, or the base image. */
  readonly place: number | null;
  readonly dirty: boolean;
  /** Snapshots that are marked as not used. */
  readonly inactive: readonly number[];
}

/** All shapes, all places, clean and dirty, each with all snapshots active and with every other one marked inactive. */
export function situations(): Situation[] {
  const shapes = [1, 2, 3, 4].flatMap(shapesOf);
  return shapes.flatMap((shape) =>
    [null, ...shape.keys()].flatMap((place, i) => {
      const marked = [...shape.keys()].filter((n) => n !== place && (n + i) % 2 === 0);
      const markings = marked.length > 0 ? [[], marked] : [[]];
      return markings.flatMap((inactive) => [false, true].map((dirty) => ({ shape, place, dirty, inactive })));
    }),
  );
}

export function situationTold({ shape, place, dirty, inactive }: Situation): string {
  const heads = `${dirty ? "dirty" : "clean"} heads on ${place === null ? "the base" : nameOf(place)}`;
  const marks = inactive.length > 0 ? `, ${inactive.map(nameOf).join(" and ")} inactive` : "";
  return `${drawn(shape)}; ${heads}${marks}`;
}

export async function bringAbout(world: World, situation: Situation, disks: readonly DiskOf[]): Promise<Grown> {
  const { shape, dirty, inactive } = situation;
  const place = situation.place === null ? null : nameOf(situation.place);
  const grown = await grow(world, shape, disks);
  await placeHeads(world, grown, place);
  const { uuid, model } = grown;
  for (const n of inactive) await both(world, model, deactivation("DeactivateSnapshot", uuid, nameOf(n)));
  if (model.current !== place && place !== null) await both(world, model, starting(uuid, place));
  if (dirty) await writeBoth(world, grown, disks.at(-1)?.target ?? "", [0, 7]);
  return grown;
}

/** Every verb with every option that matters, on every snapshot. */
export function commandsFor(uuid: string, { snapshots, dirty }: Model): Command[] {
  const options = dirty ? [false, true] : [false];
  const each = [...snapshots.keys()].flatMap((name) => [
    ...options.flatMap((discardChanges) => [
      starting(uuid, name, { discardChanges }),
      deactivation("DeactivateSnapshot", uuid, name, { discardChanges }),
      deactivation("MergeSnapshot", uuid, name, { discardChanges }),
      deactivation("DiscardSnapshot", uuid, name, { discardChanges }),
    ]),
    deactivation("MergeSnapshot", uuid, name, { force: true }),
    deactivation("DiscardSnapshot", uuid, name, { force: true }),
  ]);
  return [snapshotting(uuid, "new"), ...each];
}
