import type { AdoptedDomain } from "../../drivers/driver.ts";
import type { DomainState } from "../../projections/state.ts";

/** What a driver whose files live in RAM has to know of a domain. */
export function adoptedDomain(state: DomainState): AdoptedDomain {
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
