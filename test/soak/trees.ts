import type { Random } from "../support/random.ts";
import { snapshotting, starting } from "../support/commands.ts";
import type { Command } from "../../src/events/command.ts";
import type { Content, Model } from "../support/model.ts";
import { readAll } from "../support/images.ts";
import { applyModel, copyOf, newModel, writeModel } from "../support/model.ts";
import type { Grown } from "../support/shapes.ts";
import { both, nameOf, resizeBoth, writeBoth } from "../support/shapes.ts";
import { commandsFor } from "../support/cases.ts";
import type { DiskOf } from "../support/world.ts";
import { baseSectors } from "../support/world.ts";
import type { RealStore } from "./real-store.ts";
import { soakSectorBytes } from "./real-store.ts";

const clusterSectors = (64 * 1024) / soakSectorBytes;

/** Domains with trees that a seed draws, and what may be asked of them. */

export interface Tree extends Grown {
  readonly disks: readonly DiskOf[];
  /** Another domain stands on the same base image: nothing may be merged into it. */
  readonly shared: boolean;
}

/** One or two domains, which may stand on one base; 2 to 6 snapshots, each with data of its own. */
export async function grown(store: RealStore, drawn: Random): Promise<Tree[]> {
  const disks = disksDrawn(drawn);
  const shared = drawn.chance(25);
  const uuid = await store.define("web", disks);
  const first = treeOn(uuid, disks, shared);
  const second = shared ? [treeOn(await defineBeside(store, disks), disks, shared)] : [];
  await grow(store, first, drawn, 2 + drawn.below(5));
  for (const tree of second) await grow(store, tree, drawn, 1 + drawn.below(2));
  return [first, ...second];
}

function disksDrawn(drawn: Random): DiskOf[] {
  const disk = (target: string): DiskOf => ({
    target,
    format: drawn.chance(60) ? "qcow2" : "raw",
    sectors: drawn.one([12, 16, 32, 64, 128, 192]) * clusterSectors,
  });
  return drawn.chance(35) ? [disk("vda"), disk("vdb")] : [disk("vda")];
}

function treeOn(uuid: string, disks: readonly DiskOf[], shared: boolean): Tree {
  const base: Content = Object.fromEntries(
    disks.map(({ target, sectors }) => [target, baseSectors(sectors, soakSectorBytes)]),
  );
  return { uuid, model: newModel(base), disks, shared };
}

function defineBeside(store: RealStore, disks: readonly DiskOf[]): Promise<string> {
  return store.defineOn(
    "db",
    disks.map((disk) => ({ ...disk, path: store.base("web", disk) })),
  );
}

async function grow(store: RealStore, tree: Tree, drawn: Random, snapshots: number): Promise<void> {
  const { uuid, model } = tree;
  for (let n = 0; n < snapshots; n++) {
    if (n > 0 && drawn.chance(40)) await both(store, model, starting(uuid, nameOf(drawn.below(n))));
    await change(store, tree, drawn);
    await both(store, model, creating(uuid, nameOf(n), drawn));
  }
}

/** Something is written to every disk, and now and then one is made longer or shorter. */
export async function change(store: RealStore, tree: Tree, drawn: Random): Promise<void> {
  for (const { target } of tree.disks) {
    const long = tree.model.heads[target]!.length;
    if (drawn.chance(35)) await resize(store, tree, target, drawn, long);
    const sectors = tree.model.heads[target]!.length;
    const from = drawn.below(sectors);
    const run = drawn.chance(60) ? Math.floor(sectors / 2) : 2 * clusterSectors;
    await writeBoth(store, tree, target, [0, ...range(Math.max(1, from), Math.min(sectors, from + run))]);
  }
}

/** Off the cluster boundary as often as on it. What is cut off was written before, and lies in the file still. */
async function resize(store: RealStore, tree: Tree, target: string, drawn: Random, long: number): Promise<void> {
  const clusters = Math.max(8, Math.floor(long / clusterSectors) + drawn.one([-8, -4, 0, 4, 8, 16]));
  const sectors = clusters * clusterSectors + (drawn.chance(50) ? drawn.one([1, 5, 15]) : 0);
  if (sectors < long) await writeBoth(store, tree, target, range(sectors - 1, long));
  await resizeBoth(store, tree, target, sectors);
  if (sectors <= long) return;
  // A head that grows shows what it was itself cut by, which no fold is asked about: its guest clears it.
  const { path, format } = await store.head(tree.uuid, target);
  const end = Math.min(sectors, Math.ceil(long / clusterSectors) * clusterSectors);
  const shown = (await readAll(path, format)).subarray(long * soakSectorBytes, end * soakSectorBytes);
  if (shown.every((byte) => byte === 0)) return;
  const cleared = range(long, end);
  writeModel(tree.model, target, cleared, 0);
  await store.write(tree.uuid, target, cleared, 0);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

function creating(uuid: string, name: string, drawn: Random): Command {
  return snapshotting(uuid, name, { compression: drawn.chance(25) ? drawn.one(["zlib", "zlib", "zstd"]) : null });
}

/** A command that no rule refuses, and the model after it; undefined when none of that kind can be given. */
export function commandDrawn(tree: Tree, drawn: Random, count: number, folds: boolean) {
  const { uuid, model } = tree;
  const of = (...types: Command["type"][]) => commandsFor(uuid, model).filter(({ type }) => types.includes(type));
  const merges = () => of("MergeSnapshot");
  const kinds: (() => Command[])[] = [
    merges,
    ...(folds ? [] : [merges, () => [creating(uuid, `s${count}`, drawn)], () => of("CreateWithSnapshot")]),
    ...(folds ? [] : [() => of("DeactivateSnapshot"), () => of("DiscardSnapshot")]),
    ...(folds || drawn.chance(75)
      ? []
      : [(): Command[] => [{ type: drawn.one(["CompactDomain", "RecoverDomain"]), domain: uuid }]]),
    ...(folds || drawn.chance(70)
      ? []
      : [(): Command[] => [{ type: "UndefineDomain", domain: uuid, keep: "discard-all" }]]),
  ];
  const possible = drawn
    .one(kinds)()
    .flatMap((command) => {
      const after = afterDoing(tree, command);
      return after === undefined ? [] : [{ command, after }];
    });
  return possible.length === 0 ? undefined : drawn.one(possible);
}

/** null: the domain is gone. undefined: it would be refused. */
function afterDoing({ model, shared }: Tree, command: Command): Model | null | undefined {
  const after = copyOf(model);
  if (command.type === "UndefineDomain") return null;
  if (command.type === "CompactDomain" || command.type === "RecoverDomain") return after;
  if ("snapshot" in command) {
    const { parent, automatic, content } = model.snapshots.get(command.snapshot)!;
    // The model makes up other names for what is kept automatically than the program does.
    if (automatic) return undefined;
    if (command.type === "MergeSnapshot" && parent === null && (shared || isShorter(content, model.base)))
      return undefined;
  }
  return applyModel(after, command) === null ? after : undefined;
}

/** A base image is never made shorter. */
function isShorter(content: Content, base: Content): boolean {
  return Object.entries(base).some(([target, sectors]) => content[target]!.length < sectors.length);
}
