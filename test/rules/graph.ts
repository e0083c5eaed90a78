import { expect } from "vitest";
import type { LayerId } from "../../src/events/ids.ts";
import type { DomainState, Layer } from "../../src/projections/state.ts";

/** DESIGN's invariants that one domain's state must hold after every event, counted here without the code they check. */
export function expectSoundGraph(state: DomainState): void {
  if (!state.defined) return;
  expectSoundTree(state);
  const named = namedLayers(state);
  const dependents = dependentsOf(state, reachableFrom(state, named));
  const heads = new Set(Object.values(state.heads));
  expect(Object.keys(state.heads)).toEqual(state.disks);
  for (const target of state.disks) {
    const stoodOn = (state.current === null ? state.baseRoles : snapshot(state, state.current).layers)[target];
    expect(layer(state, state.heads[target]).backing, "heads stand on current").toBe(stoodOn);
    expect(dependents.get(state.heads[target] ?? ""), "nothing is backed by a head").toBeUndefined();
  }
  for (const [id, above] of dependents) {
    if (named.has(id)) continue;
    expect(above, "an anonymous layer has one dependent").toHaveLength(1);
    expect(
      above.some((one) => heads.has(one.id)),
      "which is never a head",
    ).toBe(false);
  }
  const owned = [...state.snapshots.values()].flatMap(({ layers }) => Object.values(layers));
  expect(new Set(owned).size, "no two snapshots share a layer").toBe(owned.length);
  expect(
    owned.some((id) => heads.has(id)),
    "no snapshot has a head for a layer",
  ).toBe(false);
}

function expectSoundTree(state: DomainState): void {
  const byName = [...state.snapshots.values()].map(({ id, name }): [string, string] => [name, id]);
  expect(new Map(byName)).toEqual(state.byName);
  let children = 0;
  for (const [parent, ids] of state.children) {
    for (const id of ids) expect(snapshot(state, id).parent).toBe(parent);
    children += ids.size;
  }
  expect(children, "every snapshot hangs somewhere, once").toBe(state.snapshots.size);
  for (const { layers, parent, memory } of state.snapshots.values()) {
    expect(Object.keys(layers).sort()).toEqual([...state.disks].sort());
    for (const target of state.disks) {
      const below = parent === null ? state.baseRoles[target] : snapshot(state, parent).layers[target];
      expect(nextNamed(state, layers[target]), "a snapshot's layer stands on its parent's").toBe(below);
    }
    expect(state.looseMemories).not.toContainEqual(memory);
  }
  if (state.current !== null) expect(snapshot(state, state.current).active, "current is active").toBe(true);
}

/** The first layer below that something refers to: anonymous ones are passed by. */
function nextNamed(state: DomainState, from: LayerId | undefined): LayerId | null {
  const named = namedLayers(state);
  let id = layer(state, from).backing;
  while (id !== null && !named.has(id)) id = layer(state, id).backing;
  return id;
}

const namedBy = new WeakMap<DomainState, { position: number; named: Set<LayerId> }>();

function namedLayers(state: DomainState): Set<LayerId> {
  const known = namedBy.get(state);
  if (known?.position === state.position) return known.named;
  const owned = [...state.snapshots.values()].flatMap(({ layers }) => Object.values(layers));
  const named = new Set([...owned, ...Object.values(state.heads), ...Object.values(state.baseRoles)]);
  namedBy.set(state, { position: state.position, named });
  return named;
}

function reachableFrom(state: DomainState, named: ReadonlySet<LayerId>): Set<LayerId> {
  const found = new Set<LayerId>();
  for (const start of named) {
    for (let id: LayerId | null = start; id !== null && !found.has(id); id = layer(state, id).backing) found.add(id);
  }
  return found;
}

function dependentsOf(state: DomainState, reachable: ReadonlySet<LayerId>): Map<LayerId, Layer[]> {
  const dependents = new Map<LayerId, Layer[]>();
  for (const id of reachable) {
    const { backing } = layer(state, id);
    if (backing === null) continue;
    const others = dependents.get(backing);
    if (others) others.push(layer(state, id));
    else dependents.set(backing, [layer(state, id)]);
  }
  return dependents;
}

function layer(state: DomainState, id: LayerId | undefined): Layer {
  const found = state.layers.get(id ?? "");
  if (!found) return expect.unreachable(`layer ${id ?? "undefined"} is not there`);
  return found;
}

function snapshot(state: DomainState, id: string) {
  const found = state.snapshots.get(id);
  if (!found) return expect.unreachable(`snapshot ${id} is not there`);
  return found;
}
