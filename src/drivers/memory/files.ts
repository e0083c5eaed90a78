import { shellQuote } from "../../errors.ts";
import type { Backing, CompressLayer, MakeOverlay } from "../../events/plan.ts";
import type { FileFacts, ImageFacts, ImageFormat } from "../../events/records.ts";
import type { CommitStep, ImageFault, ObservedFile, StepOptions } from "../driver.ts";
import {
  interrupted,
  invalidImage,
  missingFile,
  nameTaken,
  notALayer,
  readOnlyImage,
  unsafeFolder,
  wrongLink,
} from "../errors.ts";
import { clearTail, clusterBytes, cutTo, lengthen, readCluster, wouldShow, writeInto } from "./content.ts";
import type { World } from "./world.ts";
import type { SimulatedFile } from "./content.ts";

/** Called in the middle of a step: what it throws leaves the step half done. */
export type During = (point: string) => void | Promise<void>;

export function inspectImage(world: World, path: string, format: ImageFormat): ImageFacts {
  const top = observe(world, { path, format });
  if (top === undefined) throw missingFile(path);
  const chain: FileFacts[] = [];
  const seen = new Set([world.file(path)]);
  for (let next = world.file(path).backing; next !== null;) {
    const below = observe(world, next);
    if (below === undefined) throw invalidImage(path, `is backed by "${next.path}", which does not exist`);
    const file = world.file(next.path);
    if (seen.has(file)) throw invalidImage(path, "is backed by a chain of files that loops");
    seen.add(file);
    chain.push(below.facts);
    next = file.backing;
  }
  for (const facts of [top.facts, ...chain]) {
    if (facts.bytes % 512 !== 0 && facts.format === "raw") {
      throw invalidImage(facts.path, `is ${facts.bytes} bytes long, not a multiple of 512`);
    }
  }
  return { file: top.facts, chain, writable: top.writable };
}

export function observe(world: World, { path, format }: Backing): ObservedFile | undefined {
  if (!path.startsWith("/") || path.includes("\0")) throw invalidImage(path, "is not an absolute path");
  const file = world.files.get(path);
  if (file === undefined) return undefined;
  if (format === "qcow2" && file.format !== "qcow2") throw invalidImage(path, "is not a qcow2 image");
  return { facts: world.facts(path), ...linkOf(file), writable: file.writable };
}

function linkOf({ backing }: SimulatedFile) {
  return { backing: backing?.path ?? null, backingFormat: backing?.format ?? null };
}

export function prepareFolder(world: World, folder: string): void {
  if (world.unsafeFolders.has(folder)) {
    throw unsafeFolder(folder, "can be written to by others", `chmod go-w ${shellQuote(folder)}`);
  }
  if (world.files.has(folder)) throw unsafeFolder(folder, "is not a folder", "Choose another one.");
}

export function makeOverlay(world: World, { path, backing, virtualBytes }: MakeOverlay): FileFacts {
  const there = world.files.get(path);
  if (there === undefined) {
    world.file(backing.path);
    world.make(path, { format: "qcow2", virtualBytes, backing });
  } else if (!isBackedBy(there, backing) || there.virtualBytes !== virtualBytes) {
    throw nameTaken(path);
  }
  return world.facts(path);
}

export async function compressLayer(world: World, step: CompressLayer, watch?: StepOptions): Promise<FileFacts> {
  const { path, source, backing, method } = step;
  const layer = world.file(source);
  if (!isBackedBy(layer, backing)) throw wrongLink(source, layer.backing?.path ?? null, backing.path);
  world.assertUnlocked(source);
  await allowInterrupt("compress", source, watch);
  const there = world.files.get(path);
  if (there === undefined) {
    const copy = world.make(path, { format: "qcow2", virtualBytes: layer.virtualBytes, backing });
    copy.compression = method;
    for (const index of layer.clusters.keys()) copy.clusters.set(index, readCluster([layer], index)?.slice() ?? none());
    world.touched(path, Math.ceil(layer.clusters.size / 2));
  } else if (!isBackedBy(there, backing) || there.compression !== method) {
    throw nameTaken(path);
  }
  report("compress", source, watch);
  return world.facts(path);
}

/** A cluster of zeros. */
function none(): Uint8Array {
  return new Uint8Array(clusterBytes);
}

export async function commit(world: World, step: CommitStep, during: During, watch?: StepOptions): Promise<void> {
  const { from, into, end } = step;
  const layer = world.file(from.path);
  const target = world.file(into.path);
  if (!isBackedBy(layer, into)) throw wrongLink(from.path, layer.backing?.path ?? null, into.path);
  if (!target.writable) throw readOnlyImage(into.path);
  world.assertUnused(from.path);
  world.assertUnused(into.path);
  const chain = world.wholeChain(from.path);
  for (const index of wouldShow(layer, world.wholeChain(into.path), end)) {
    layer.clusters.set(index, readCluster(chain, index)?.slice() ?? none());
    world.touched(from.path, 1);
  }
  await commitUnder(world, from, into, during, watch);
}

/** What a commit does to the files, by a tool or under a guest. */
export async function commitUnder(
  world: World,
  from: Backing,
  into: Backing,
  during: During,
  watch?: StepOptions,
): Promise<void> {
  const layer = world.file(from.path);
  const target = world.file(into.path);
  if (!isBackedBy(layer, into)) throw wrongLink(from.path, layer.backing?.path ?? null, into.path);
  if (!target.writable) throw readOnlyImage(into.path);
  const hide = lengthen(world.wholeChain(into.path), layer.virtualBytes);
  world.touched(into.path, 0);
  const indexes = [...layer.clusters.keys()];
  const half = Math.ceil(indexes.length / 2);
  copyClusters(world, from.path, into.path, indexes.slice(0, half));
  await during("commit half done");
  hide(new Set(indexes.slice(0, half)));
  await allowInterrupt("commit", from.path, watch);
  copyClusters(world, from.path, into.path, indexes.slice(half));
  if (target.fault) spoil(target, new Set(indexes));
  report("commit", from.path, watch);
}

/** The tool takes a cluster that is in use for a free one. */
function spoil(target: SimulatedFile, written: ReadonlySet<number>): void {
  for (const [index, cluster] of target.clusters) {
    if (!written.has(index))
      return void target.clusters.set(
        index,
        cluster.map((byte) => byte ^ 0x5a),
      );
  }
}

function copyClusters(world: World, from: string, into: string, indexes: readonly number[]): void {
  const layer = world.file(from);
  const chain = world.wholeChain(into);
  for (const index of indexes) {
    const offset = index * clusterBytes;
    const bytes = readCluster([layer], index)?.subarray(0, layer.virtualBytes - offset);
    if (bytes === undefined) continue;
    const isNew = !chain[0].clusters.has(index);
    if (isNew && chain[0].format === "qcow2") world.touched(into, 1);
    writeInto(chain, offset, bytes);
  }
}

/** What a tool that says it has done it may have left out. */
export function leftOut(world: World, from: Backing, into: Backing): string | null {
  const [layer, target] = [world.file(from.path), world.file(into.path)];
  if (target.virtualBytes < layer.virtualBytes) return `"${into.path}" is shorter than what was to go into it`;
  const end = layer.virtualBytes;
  const lacking = [...layer.clusters.keys()].find((index) => {
    const held = target.clusters.get(index)?.subarray(0, end - index * clusterBytes);
    const wanted = layer.clusters.get(index)?.subarray(0, end - index * clusterBytes);
    return wanted?.some((byte, at) => byte !== held?.[at]);
  });
  return lacking === undefined ? null : `"${into.path}" does not have what is at byte ${lacking * clusterBytes}`;
}

export function canCommitLive(world: World, { from, into, end }: CommitStep): boolean {
  return wouldShow(world.file(from.path), world.wholeChain(into.path), end).length === 0;
}

export function imageFault(world: World, { path }: Backing): ImageFault | null {
  world.assertUnlocked(path);
  return world.file(path).fault;
}

/** Who opens an image to write, as QEMU does, repairs it first if its last user was stopped half-way. */
export function openToWrite(world: World, path: string): void {
  const file = world.file(path);
  if (file.fault?.dirty) file.fault = null;
}

export function repairImage(world: World, { path }: Backing): FileFacts {
  const file = world.file(path);
  world.assertUnused(path);
  if (file.fault) {
    file.fault = null;
    world.touched(path, 0);
  }
  return world.facts(path);
}

export function shrink(world: World, { path, format }: Backing, virtualBytes: number): void {
  const file = world.file(path);
  if (format !== "qcow2") throw notALayer(path);
  if (file.virtualBytes <= virtualBytes) return;
  world.assertUnused(path);
  clearTail(file, virtualBytes);
  cutTo(file, virtualBytes);
  world.touched(path, 0);
}

export function repoint(world: World, { path, format }: Backing, backing: Backing): void {
  const file = world.file(path);
  if (format !== "qcow2") throw notALayer(path);
  world.file(backing.path);
  if (isBackedBy(file, backing)) return;
  world.assertUnused(path);
  openToWrite(world, path);
  file.backing = backing;
  world.touched(path, 0);
}

export function remove(world: World, path: string): void {
  if (!world.files.has(path)) return;
  world.assertUnused(path);
  world.unlink(path);
}

function isBackedBy({ backing }: SimulatedFile, { path, format }: Backing): boolean {
  return backing?.path === path && backing.format === format;
}

async function allowInterrupt(step: string, path: string, watch?: StepOptions): Promise<void> {
  watch?.onProgress?.({ step, path, done: 50, total: 100 });
  await Promise.resolve();
  if (watch?.signal?.aborted === true) throw interrupted(step, path);
}

function report(step: string, path: string, watch?: StepOptions): void {
  watch?.onProgress?.({ step, path, done: 100, total: 100 });
}
