import { deactivation, snapshotting, starting } from "./commands.ts";
import type { Command } from "../../src/events/command.ts";
import type { Model } from "./model.ts";
import { qemuImg } from "./images.ts";
import { applyModel, newModel, resizeModel, writeModel } from "./model.ts";
import type { DiskOf, Place } from "./world.ts";
import { baseSectors } from "./world.ts";

/** Trees of snapshots, told by each one's parent, and domains grown into them on real images. */

/** The parent of each snapshot, by number; null for the base image. Snapshot 0 is called `a`. */
export type Shape = readonly (number | null)[];

export const nameOf = (number: number): string => "abcdefgh".charAt(number);

/** Every tree shape of that many snapshots, siblings in no order. */
export function shapesOf(snapshots: number): Shape[] {
  if (snapshots === 0) return [[]];
  const found = new Map<string, Shape>();
  for (const smaller of shapesOf(snapshots - 1)) {
    for (const parent of [null, ...smaller.keys()]) {
      const shape = [...smaller, parent];
      found.set(drawing(shape), shape);
    }
  }
  return [...found.values()];
}

/** `(()())`: the same for shapes that differ only in the order of siblings. */
function drawing(shape: Shape, below: number | null = null): string {
  const branches = [...shape.keys()].filter((n) => shape[n] === below).map((n) => drawing(shape, n));
  return `(${branches.sort().join("")})`;
}

/** `a, b on a, c on a`. */
export function drawn(shape: Shape): string {
  return shape.map((parent, n) => (parent === null ? nameOf(n) : `${nameOf(n)} on ${nameOf(parent)}`)).join(", ");
}

export interface Grown {
  readonly uuid: string;
  readonly model: Model;
}

/** The model and the real domain do the same. */
export async function both(world: Place, model: Model, command: Command): Promise<void> {
  const refusal = applyModel(model, command);
  if (refusal !== null) throw new Error(`the model refuses what was to be set up: ${refusal}`);
  await world.run(command);
}

let lastByte = 0;

/** A byte that few others are written with. */
export function nextByte(): number {
  lastByte = (lastByte % 199) + 1;
  return lastByte;
}

export async function writeBoth(world: Place, { uuid, model }: Grown, target: string, sectors: readonly number[]) {
  const byte = nextByte();
  writeModel(model, target, sectors, byte);
  await world.write(uuid, target, sectors, byte);
}

/** The head's virtual size changes, as an operator may do between two runs of the guest. */
export async function resizeBoth(world: Place, { uuid, model }: Grown, target: string, sectors: number) {
  resizeModel(model, target, sectors);
  const { path } = await world.head(uuid, target);
  await qemuImg("resize", "-q", "--shrink", "-f", "qcow2", path, String(sectors * world.sectorBytes));
}

/** A domain with this tree, different data in each snapshot, the heads clean on the last one. */
export async function grow(world: Place, shape: Shape, disks: readonly DiskOf[]): Promise<Grown> {
  const uuid = await world.define("vm", disks);
  const bases = disks.map(({ target, sectors }) => [target, baseSectors(sectors, world.sectorBytes)] as const);
  const model = newModel(Object.fromEntries(bases));
  const grown = { uuid, model };
  for (const [n, parent] of shape.entries()) {
    await goTo(world, grown, parent === null ? null : nameOf(parent));
    // One sector that all write, one of its own, one that some share.
    for (const { target } of disks) await writeBoth(world, grown, target, [0, 1 + n, 5 + (n % 2)]);
    await both(world, model, snapshotting(uuid, nameOf(n)));
  }
  return grown;
}

/** Clean heads there, and every snapshot active. */
export async function placeHeads(world: Place, grown: Grown, place: string | null): Promise<void> {
  const { uuid, model } = grown;
  await goTo(world, grown, place);
  if (place === null) await both(world, model, snapshotting(uuid, "left"));
  const marked = [...model.snapshots].filter(([, { active }]) => !active).map(([name]) => name);
  for (const name of marked) await both(world, model, starting(uuid, name));
  if (place !== null) return goTo(world, grown, place);
  // Discarding is the one way off a snapshot that leaves it, and all others, active.
  await goTo(world, grown, "left");
  await both(world, model, deactivation("DiscardSnapshot", uuid, "left"));
}

/** Starts from there; the base image itself is reached by deactivating what stands on it. */
async function goTo(world: Place, { uuid, model }: Grown, place: string | null): Promise<void> {
  if (model.current === place) return;
  if (place !== null) return both(world, model, starting(uuid, place));
  let root = model.current ?? "";
  for (let next: string | null = root; next !== null; next = model.snapshots.get(next)?.parent ?? null) root = next;
  await both(world, model, deactivation("DeactivateSnapshot", uuid, root));
}
