import { createHash } from "node:crypto";
import type { World } from "../../src/drivers/memory/index.ts";
import type { EventRecord } from "../../src/events/events.ts";
import { layerOf, pendingFolds, reachable } from "../../src/projections/layers.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { baseImages, fileOf } from "./bases.ts";
import type { Expected, ExpectedDomain } from "./expected.ts";
import { sectorsIn } from "./files.ts";

/** What has to be true (DESIGN 9), of real files beside the model. Each returns what is wrong, one sentence each. */

/** At any instant: whatever has a name reads as it must, however far an operation, a fold or clean-up has come. */
export function unreadable(world: World, state: DomainState, expected: ExpectedDomain): string[] {
  const { model, frozen } = expected;
  const faults = [
    ...differing(`the heads of ${state.name}`, world, state, state.heads, frozen?.heads ?? model.heads),
    ...namesDiffer(state, expected),
  ];
  for (const [name, { content }] of model.snapshots) {
    const snapshot = state.snapshots.get(state.byName.get(name) ?? "");
    if (snapshot) faults.push(...differing(`"${name}" of ${state.name}`, world, state, snapshot.layers, content));
  }
  const roles = Object.fromEntries(expected.disks.map(({ target, path }) => [target, path]));
  for (const [target, path] of Object.entries(roles)) {
    if (state.baseRoles[target] === state.bases[target] || model.base[target] === undefined) continue;
    const role = { [target]: state.baseRoles[target] ?? "" };
    faults.push(...differing(`what ${path} is to get`, world, state, role, { [target]: model.base[target] }));
  }
  return faults;
}

function differing(
  what: string,
  world: World,
  state: DomainState,
  layers: Readonly<Record<string, string>>,
  content: Readonly<Record<string, readonly number[]>>,
): string[] {
  return Object.entries(content).flatMap(([target, must]) => {
    const layer = state.layers.get(layers[target] ?? "");
    if (!layer) return [`${what}: there is no layer for ${target}`];
    return notAs(`${what} on ${target}`, sectorsIn(world, layer.file.path), must);
  });
}

function notAs(what: string, is: readonly number[] | string, must: readonly number[]): string[] {
  if (typeof is === "string") return [`${what}: ${is}`];
  if (is.length === must.length && is.every((byte, n) => byte === must[n])) return [];
  return [`${what} reads ${is.join(" ")}, not ${must.join(" ")}`];
}

function namesDiffer(state: DomainState, { model, memories }: ExpectedDomain): string[] {
  const nameOf = (id: string | null) => (id === null ? null : (state.snapshots.get(id)?.name ?? id));
  const told = [...state.snapshots.values()].map(({ name, parent, active, automatic, memory }) =>
    JSON.stringify([name, nameOf(parent), active, automatic, memory !== null]),
  );
  const must = [...model.snapshots].map(([name, { parent, active, automatic }]) =>
    JSON.stringify([name, parent, active, automatic, memories.has(name)]),
  );
  const faults: string[] = [];
  if (told.sort().join() !== must.sort().join())
    faults.push(`${state.name} has the snapshots ${told.join(" ")}, not ${must.join(" ")}`);
  if (nameOf(state.current) !== model.current)
    faults.push(`the current of ${state.name} is ${nameOf(state.current)}, not ${model.current}`);
  return faults;
}

/** At any instant: every base image that no merge is being folded into holds what it must, and so do files left behind. */
export function basesDiffer(world: World, expected: Expected, isFoldedInto: (file: string) => boolean): string[] {
  const faults: string[] = [];
  for (const { path } of baseImages) {
    const must = expected.bases.get(path);
    if (must && fileOf(path) === path && !isFoldedInto(path))
      faults.push(...notAs(`the base image ${path}`, sectorsIn(world, path), must));
  }
  for (const { path, sectors } of expected.kept) {
    if (sectors) faults.push(...notAs(`${path}, which undefine left,`, sectorsIn(world, path), sectors));
    else if (!world.files.has(path)) faults.push(`${path}, which undefine left, is gone`);
  }
  return faults;
}

/** After recovery: files, links and log agree, and nothing is there that nothing refers to. `folded`: no fold may wait. */
export function unsettled(
  world: World,
  state: DomainState,
  expected: ExpectedDomain | undefined,
  folded: boolean,
): string[] {
  const faults: string[] = [];
  const needed = new Set([...state.snapshots.values()].flatMap(({ memory }) => (memory ? [memory.path] : [])));
  const waiting = pendingFolds(state).length;
  if (folded && waiting > 0) faults.push(`${waiting} folds of ${state.name} were not done`);
  if (state.operation) faults.push(`${state.operation.command.type} of ${state.name} has no outcome`);
  const heads = new Set(Object.values(state.heads).map((id) => layerOf(state, id).file.path));
  for (const id of reachable(state)) {
    const { file, backing } = layerOf(state, id);
    if (backing === null) continue;
    needed.add(file.path);
    const real = world.files.get(file.path)?.backing?.path;
    const logged = layerOf(state, backing).file.path;
    if (real !== logged && waiting === 0) faults.push(`${file.path} is backed by ${real}, by the log by ${logged}`);
    if (real !== undefined && heads.has(real)) faults.push(`${file.path} is backed by a head`);
  }
  for (const path of filesOf(world, state.id))
    if (!needed.has(path) && !state.kept.includes(path)) faults.push(`${path} is there, and nothing refers to it`);
  for (const path of needed) if (!world.files.has(path)) faults.push(`${path} is needed, and not there`);
  if (expected && waiting === 0) {
    const files = (expected.model.snapshots.size + 1) * expected.disks.length + expected.memories.size;
    if (needed.size !== files) faults.push(`${state.name} has ${needed.size} files instead of ${files}`);
  }
  return faults;
}

export function filesOf(world: World, id: string): string[] {
  const folder = `/layers/${id}/`;
  return [...world.files.keys()].filter((path) => path.startsWith(folder));
}

/** Memories hold what the guest's memory held when its disks were frozen. */
export function memoriesDiffer(world: World, state: DomainState, { memories }: ExpectedDomain): string[] {
  return [...memories].flatMap(([name, must]) => {
    const path = state.snapshots.get(state.byName.get(name) ?? "")?.memory?.path;
    const saved = path === undefined ? undefined : world.memories.get(path);
    const is = saved && tokenOf(saved.bytes);
    return is === must ? [] : [`the memory of "${name}" of ${state.name} is ${is}, not ${must}`];
  });
}

/** What a guest computes is one number in its memory. */
export function tokenOf(memory: Uint8Array): number {
  return new DataView(memory.buffer, memory.byteOffset).getUint32(0);
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The chain, walked by the rule that an auditor without this project would go by. */
export function chainBroken(lines: readonly string[], records: readonly EventRecord[]): string[] {
  const faults: string[] = [];
  const revisions = new Map<string, number>();
  let previous = `sha256:${"0".repeat(64)}`;
  let time = "";
  for (const [i, line] of lines.entries()) {
    const record = records[i];
    if (!record) break;
    const at = `position ${i + 1}`;
    if (!line.endsWith(`,"hash":"sha256:${hash(line.slice(0, -82))}"}`)) faults.push(`${at}: its hash is wrong`);
    if (record.previousHash !== previous) faults.push(`${at}: it is not linked to the one before`);
    if (record.position !== i + 1) faults.push(`${at} says position ${record.position}`);
    if (record.time < time) faults.push(`${at}: its time is before that of the one before`);
    if (record.domain !== null) {
      const revision = (revisions.get(record.domain) ?? 0) + 1;
      revisions.set(record.domain, revision);
      if (record.revision !== revision) faults.push(`${at} says revision ${record.revision}, not ${revision}`);
    }
    previous = record.hash;
    time = record.time;
  }
  return faults;
}
