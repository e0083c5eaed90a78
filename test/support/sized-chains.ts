import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fullDisk } from "../../src/drivers/errors.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import type { Backing } from "../../src/events/plan.ts";
import type { ImageFormat } from "../../src/events/records.ts";
import { layerOf } from "../../src/projections/layers.ts";
import { deactivation, snapshotting } from "./commands.ts";
import { makeQcow2, makeRaw, qemuImg, readAll, writePattern } from "./images.ts";
import { applyModel, newModel } from "./model.ts";
import type { Grown } from "./shapes.ts";
import { both, nextByte, resizeBoth, writeBoth } from "./shapes.ts";
import { sectorsIn } from "./content-oracle.ts";
import { refused, World } from "./world.ts";

/**
 * Disks that end where they like, and files that were longer once: whatever was cut off within a cluster lies in the
 * file still, and comes back when it grows. Sizes are in sectors of 512 bytes.
 */

export const clusterSectors = 128;
const sectorBytes = 512;

export const baseKinds = ["qcow2", "qcow2 that was cut", "qcow2 on a larger one", "raw"] as const;
export type BaseKind = (typeof baseKinds)[number];

/** `a` on the base image, `s` on `a`, `top` on `s` and larger than all of them; the heads are clean on `top`. */
export interface SizedChain {
  readonly base: BaseKind;
  readonly sizes: Readonly<Record<"base" | "a" | "s", number>>;
  /** Whether `s` was itself longer and cut; else it is only resized, and holds next to nothing. */
  readonly upperWasLonger: boolean;
}

export function sizedTold({ base, sizes, upperWasLonger }: SizedChain): string {
  return `${base} ${sizes.base}, a ${sizes.a}, s ${sizes.s}${upperWasLonger ? " cut" : ""}`;
}

/** A world whose model counts in sectors of 512 bytes. */
export function finelyMeasured(folder: string): World {
  return new World(folder, qemuDriver(), sectorBytes);
}

export async function growSized(world: World, { base, sizes, upperWasLonger }: SizedChain): Promise<Grown> {
  await mkdir(world.folder, { recursive: true });
  const grown = await definedOn(world, await makeSizedBase(world, base, sizes.base));
  await freeze(world, grown, "a", sizes.a, true);
  await freeze(world, grown, "s", sizes.s, upperWasLonger);
  const all = Math.max(...Object.values(sizes));
  await freeze(world, grown, "top", ends(all) + clusterSectors, false);
  return grown;
}

/** A domain on an image that is there, whatever that reads as. */
export async function definedOn(world: World, image: Backing): Promise<Grown> {
  const model = newModel({ vda: sectorsIn(await readAll(image.path, image.format), world.sectorBytes) });
  return { uuid: await world.defineOn("vm", [{ target: "vda", ...image }]), model };
}

/** The end of the cluster that this is in. */
function ends(sectors: number): number {
  return Math.ceil(sectors / clusterSectors) * clusterSectors;
}

export async function makeSizedBase(world: World, kind: BaseKind, sectors: number): Promise<Backing> {
  const format: ImageFormat = kind === "raw" ? "raw" : "qcow2";
  const path = join(world.folder, `base.${format}`);
  const bytes = sectors * sectorBytes;
  const once = (ends(sectors) + clusterSectors) * sectorBytes;
  switch (kind) {
    case "raw":
      makeRaw(path, bytes);
      break;
    case "qcow2":
      await makeQcow2(path, bytes);
      break;
    case "qcow2 that was cut":
      await makeQcow2(path, once);
      await writePattern(path, format, 0, once, nextByte());
      await qemuImg("resize", "-q", "--shrink", "-f", format, path, String(bytes));
      return { path, format };
    case "qcow2 on a larger one": {
      const golden = await makeQcow2(join(world.folder, "golden.qcow2"), 16 * clusterSectors * sectorBytes);
      await writePattern(golden, "qcow2", 0, 16 * clusterSectors * sectorBytes, nextByte());
      await makeQcow2(path, bytes, { path: golden, format: "qcow2" });
      await writePattern(path, format, 0, sectorBytes, nextByte());
      return { path, format };
    }
  }
  await writePattern(path, format, 0, bytes, nextByte());
  return { path, format };
}

/** The head gets this size and is frozen. With `wasLonger` it was written beyond its end before it was cut. */
async function freeze(world: World, grown: Grown, name: string, sectors: number, wasLonger: boolean): Promise<void> {
  if (wasLonger) await cutWithin(world, grown, sectors);
  else await resizeBoth(world, grown, "vda", sectors);
  await writeBoth(world, grown, "vda", [0]);
  await both(world, grown.model, snapshotting(grown.uuid, name));
}

/** The head is made longer than that, written from its new last sector on, and cut: the rest stays behind in the file. */
export async function cutWithin(world: World, grown: Grown, sectors: number): Promise<void> {
  const once = ends(sectors) + clusterSectors;
  await resizeBoth(world, grown, "vda", once);
  await writeBoth(
    world,
    grown,
    "vda",
    Array.from({ length: once - sectors + 1 }, (_, n) => sectors - 1 + n),
  );
  await resizeBoth(world, grown, "vda", sectors);
}

/**
 * The merge is done as the model does it, its folds as far as this driver gets. Into a base image that has got a part of
 * an earlier merge, or that is larger by now, it is refused, and changes nothing.
 */
export async function mergeSized(world: World, { uuid, model }: Grown, name: string, driver = world.driver) {
  const command = deactivation("MergeSnapshot", uuid, name);
  if (driver !== world.driver && (await isHalfWritten(world, uuid, model.snapshots.get(name)!))) {
    await refused(world.run(command, { driver }), "COMPACTION_UNFINISHED");
    return;
  }
  if (await isCut(world, uuid, model.snapshots.get(name)!)) {
    await refused(world.run(command, { driver }), "BASE_IMAGE_LARGER");
    return;
  }
  const refusal = applyModel(model, command);
  if (refusal !== null) throw new Error(`the model refuses to merge ${name}: ${refusal}`);
  await world.run(command, { driver }).catch((error: unknown) => {
    if (!isSnapledgerError(error, "COMPACTION_PENDING") || driver === world.driver) throw error;
  });
}

/** Whether a fold has begun to write to the base image that it would go into. */
async function isHalfWritten(world: World, uuid: string, { parent }: { parent: string | null }): Promise<boolean> {
  const { bases, baseRoles, begunFolds } = await world.state(uuid);
  return parent === null && baseRoles["vda"] !== bases["vda"] && begunFolds["vda"]?.into === bases["vda"];
}

/** Whether the base image would have to be cut to take it. */
export async function isCut(
  world: World,
  uuid: string,
  { parent, content }: { parent: string | null; content: Readonly<Record<string, readonly number[]>> },
): Promise<boolean> {
  if (parent !== null) return false;
  const state = await world.state(uuid);
  const { path, format } = layerOf(state, state.bases["vda"]).file;
  const base = await world.driver.observe({ path, format });
  return (base?.facts.virtualBytes ?? 0) > (content["vda"]?.length ?? 0) * world.sectorBytes;
}

export const obstacles = ["commit", "shrink", "repoint"] as const;

/** A disk that is full whenever a fold gets to that step: what comes before it is done. */
export function stuckAt(step: (typeof obstacles)[number]): Driver {
  const driver = qemuDriver();
  const full = ({ path }: Backing) => Promise.reject(fullDisk(path));
  switch (step) {
    case "commit":
      return { ...driver, commit: ({ into }) => full(into) };
    case "shrink":
      return { ...driver, shrink: full };
    case "repoint":
      return { ...driver, repoint: full };
  }
}
