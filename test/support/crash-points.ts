import { expect } from "vitest";
import type { Command } from "../../src/events/command.ts";
import { Crash, fuse } from "./faults.ts";
import type { Fuse } from "./faults.ts";
import type { Model } from "./model.ts";
import { applyModel, copyOf } from "./model.ts";
import { expectReadable, expectSettled } from "./content-oracle.ts";
import type { World } from "./world.ts";

/** Managers that die at a chosen step, and what has to be true before and after somebody recovers. */

/** A command about to be killed: the models of both ways it can end. */
export interface Victim {
  readonly world: World;
  readonly uuid: string;
  readonly command: Command;
  readonly before: Model;
  readonly after: Model;
}

/** undefined when the rules refuse the command, so that there is nothing to kill. */
export function victimOf(world: World, uuid: string, before: Model, command: Command): Victim | undefined {
  const after = copyOf(before);
  return applyModel(after, command) === null ? { world, uuid, command, before, after } : undefined;
}

/** The moments at which dying differs: before each driver step and append, and after the last. */
export async function boundariesOf(victim: Victim): Promise<number[]> {
  const unharmed = fuse();
  await victim.world.run(victim.command, { fuse: unharmed });
  return boundaries(unharmed.points);
}

export function boundaries(points: readonly string[]): number[] {
  return points.flatMap((point, i) => (point.startsWith("before") || i === points.length - 1 ? i + 1 : []));
}

/** Its manager dies there; resolves with the model of what must be true from then on. */
export async function die({ world, uuid, command, before, after }: Victim, at: number, message: string) {
  const length = world.lines.length;
  await expect(world.run(command, { fuse: fuse(at) }), message).rejects.toThrow(Crash);
  const truth = world.types(length).some(decides) ? after : before;
  await expectReadable(world, uuid, truth, `${message}, before recovery`);
  return truth;
}

const steps = [
  "OperationStarted",
  "OperationFailed",
  "CommandRejected",
  "FoldStarted",
  "LayersCompacted",
  "LayersRemoved",
];

/** The one event that a command's effect hangs on. */
export function decides(type: string): boolean {
  return !steps.includes(type);
}

/** The next manager brings files and log together; the one after it finds nothing to do. */
export async function expectRecovered(world: World, uuid: string, truth: Model, message: string): Promise<void> {
  await world.recover(uuid);
  await expectSettled(world, uuid, truth, `${message}, recovered`);
  const length = world.lines.length;
  await world.recover(uuid);
  expect(world.types(length), `${message}, recovered again`).toEqual([]);
}

/** A fuse that blows at the n-th passing of a named point, like `before commit`. */
export function fuseAt(point: string, nth = 1): Fuse {
  const points: string[] = [];
  let crash: Crash | undefined;
  const check = () => {
    if (crash) throw crash;
  };
  const pass = (next: string) => {
    check();
    points.push(next);
    if (next === point && points.filter((one) => one === point).length === nth) crash = new Crash(`crashed ${point}`);
    check();
  };
  return { points, count: 0, crash: undefined, check, pass };
}

/** Kills the manager of a command at that point, which it must come to. */
export async function dieAt(world: World, command: Command, point: string, nth = 1): Promise<void> {
  await expect(world.run(command, { fuse: fuseAt(point, nth) })).rejects.toThrow(`crashed ${point}`);
}
