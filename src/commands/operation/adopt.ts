import type { AdoptedDomain, Driver } from "../../drivers/driver.ts";
import type { DomainState } from "../../projections/state.ts";

const adopted = new WeakMap<Driver, WeakSet<DomainState>>();

/** Tells a driver whose files live in RAM of a domain, once: by what a state that is kept grows, the driver has made. */
export function adopt(driver: Driver, state: DomainState): Promise<void> {
  const known = adopted.get(driver) ?? new WeakSet();
  if (known.has(state)) return Promise.resolve();
  adopted.set(driver, known.add(state));
  return driver.adopt(adoptedDomain(state));
}

function adoptedDomain(state: DomainState): AdoptedDomain {
  const { id, guest, layers, snapshots, looseMemories, disks, heads } = state;
  const pathOf = (layer: string | null) => (layer === null ? null : (layers.get(layer)?.file.path ?? null));
  return {
    ...{ id, guest },
    files: [...layers.values()].map(({ file, backing }) => ({
      ...{ facts: file, backing: pathOf(backing), writable: true },
    })),
    memories: [...[...snapshots.values()].flatMap(({ memory }) => (memory ? [memory] : [])), ...looseMemories],
    heads: disks.flatMap((target) => pathOf(heads[target] ?? null) ?? []),
  };
}
