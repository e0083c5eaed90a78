import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { reachable, layerOf } from "../../src/projections/layers.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { qemuImg, readAll } from "./images.ts";
import type { Content, Model } from "./model.ts";
import type { Place } from "./world.ts";

/** What a domain's images really hold, every byte read, beside what the model says they must hold. */

interface ExpectedContent {
  readonly current: string | null;
  readonly heads: Readonly<Record<string, string>>;
  /** Absent while a merge into the base is not folded yet. */
  readonly base?: Readonly<Record<string, string>>;
  readonly snapshots: Readonly<Record<string, TellingSnapshot>>;
}
interface TellingSnapshot {
  readonly parent: string | null;
  readonly active: boolean;
  readonly content: Readonly<Record<string, string>>;
}

/** Everything is as the model says, no fold is left to do, and files, links and log agree. */
export async function expectSettled(world: Place, uuid: string, model: Model, message?: string): Promise<void> {
  expect(await seen(world, uuid), message).toEqual(expectedContent(model));
  const state = await world.state(uuid);
  expect(await faultsOf(world, state), message).toEqual([]);
  expect(state.operation, message).toBeNull();
  // One file per disk for each snapshot and for the heads: no layer is left that nothing names.
  const memories = [...state.snapshots.values()].filter(({ memory }) => memory !== null).length;
  expect(world.filesOf(uuid).length, message).toBe((model.snapshots.size + 1) * state.disks.length + memories);
}

/** Before recovery: whatever has a name reads as the model says, however far folds and clean-up have come. */
export async function expectReadable(world: Place, uuid: string, model: Model, message?: string): Promise<void> {
  const { base, ...rest } = expectedContent(model);
  const state = await world.state(uuid);
  const pending = state.disks.some((target) => state.baseRoles[target] !== state.bases[target]);
  expect(await seen(world, uuid, { base: !pending }), message).toEqual(pending ? rest : { base, ...rest });
  if (pending) expect(await readLayers(world, state, state.baseRoles), message).toEqual(base);
}

export function expectedContent(model: Model): ExpectedContent {
  const alias = aliases([...model.snapshots].map(([name, { automatic }]) => ({ name, automatic })));
  const snapshots = [...model.snapshots].map(([name, { parent, active, content }]) => {
    const told = { parent: parent === null ? null : alias(parent), active, content: sectorsOf(content) };
    return [alias(name), told] as const;
  });
  return {
    current: model.current === null ? null : alias(model.current),
    heads: sectorsOf(model.heads),
    base: sectorsOf(model.base),
    snapshots: Object.fromEntries(snapshots),
  };
}

async function seen(world: Place, uuid: string, what: { base: boolean } = { base: true }): Promise<ExpectedContent> {
  const state = await world.state(uuid);
  const alias = aliases([...state.snapshots.values()]);
  const nameOf = (id: string | null) => (id === null ? null : alias(state.snapshots.get(id)?.name ?? id));
  const snapshots: [string, TellingSnapshot][] = [];
  for (const { name, parent, active, layers } of state.snapshots.values()) {
    snapshots.push([alias(name), { parent: nameOf(parent), active, content: await readLayers(world, state, layers) }]);
  }
  return {
    current: nameOf(state.current),
    heads: await readLayers(world, state, state.heads),
    ...(what.base && { base: await readLayers(world, state, state.bases) }),
    snapshots: Object.fromEntries(snapshots),
  };
}

/** Automatic names are made up from the time: here they are counted. */
function aliases(snapshots: readonly { name: string; automatic: boolean }[]): (name: string) => string {
  const automatic = snapshots.filter((snapshot) => snapshot.automatic).map(({ name }) => name);
  return (name) => (automatic.includes(name) ? `automatic ${automatic.indexOf(name) + 1}` : name);
}

async function readLayers(
  { sectorBytes }: Place,
  state: DomainState,
  ids: Record<string, string>,
): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const target of state.disks) {
    const { path, format } = layerOf(state, ids[target]).file;
    content[target] = existsSync(path)
      ? inWords(sectorsIn(await readAll(path, format), sectorBytes))
      : `${path} is missing`;
  }
  return content;
}

/** One number per sector, NaN where its bytes differ or where the disk ends within it. */
export function sectorsIn(bytes: Buffer, sectorBytes: number): number[] {
  const sectors: number[] = [];
  for (let at = 0; at < bytes.length; at += sectorBytes) {
    const sector = bytes.subarray(at, at + sectorBytes);
    const byte = sector[0] ?? 0;
    sectors.push(sector.equals(filledWith(byte, sectorBytes)) ? byte : NaN);
  }
  return sectors;
}

const filled = new Map<string, Buffer>();

function filledWith(byte: number, length: number): Buffer {
  const key = `${byte} ${length}`;
  const known = filled.get(key);
  if (known) return known;
  const made = Buffer.alloc(length, byte);
  filled.set(key, made);
  return made;
}

/** `201 202 0*3 mixed`. */
function inWords(sectors: readonly number[]): string {
  const words: string[] = [];
  for (let at = 0, next = 0; at < sectors.length; at = next) {
    const sector = sectors[at] ?? NaN;
    while (next < sectors.length && Object.is(sectors[next], sector)) next++;
    const word = Number.isNaN(sector) ? "mixed" : String(sector);
    words.push(next - at > 1 ? `${word}*${next - at}` : word);
  }
  return words.join(" ");
}

function sectorsOf(content: Content): Record<string, string> {
  return Object.fromEntries(Object.entries(content).map(([target, sectors]) => [target, inWords(sectors)]));
}

/** Files that are not as the log says: unknown, missing, linked elsewhere, or not clean for `qemu-img check`. */
export async function faultsOf(world: Place, state: DomainState): Promise<string[]> {
  const faults: string[] = [];
  const expected = new Set([...state.snapshots.values()].flatMap(({ memory }) => memory?.path ?? []));
  for (const id of reachable(state)) {
    const { file, backing } = layerOf(state, id);
    if (backing === null) continue;
    expected.add(file.path);
    if (!existsSync(file.path)) faults.push(`${file.path} is missing`);
    else faults.push(...(await faultsIn(world, file.path, layerOf(state, backing).file.path)));
  }
  for (const path of world.filesOf(state.id)) if (!expected.has(path)) faults.push(`${path} is known to nobody`);
  return faults;
}

async function faultsIn(world: Place, path: string, backing: string): Promise<string[]> {
  const observed = await world.driver.observe({ path, format: "qcow2" });
  const link = observed?.backing === backing ? [] : [`${path} is backed by ${observed?.backing ?? "nothing"}`];
  const output = await check(path);
  return output === "" ? link : [...link, `${path}: ${output}`];
}

/** Files that were found clean, by content: most are the same from case to case. */
const clean = new Set<string>();

async function check(path: string): Promise<string> {
  const content = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (clean.has(content)) return "";
  try {
    await qemuImg("check", "-q", "-f", "qcow2", path);
  } catch (error) {
    return String(error);
  }
  clean.add(content);
  return "";
}
