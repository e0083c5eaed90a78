import { apply } from "../../src/projections/domain.ts";
import { emptyState } from "../../src/projections/state.ts";
import type { DomainState, Snapshot } from "../../src/projections/state.ts";
import { alice, Historian } from "./histories.ts";

/**
 * A defined domain with snapshots put in place rather than told event by event: for trees that are larger than a test
 * can seal. `parents[i]` is the number of the snapshot that number `i` hangs on, or null. All share one layer.
 */
export function hang(parents: readonly (number | null)[], nameOf = (i: number) => `s${i}`): DomainState {
  const historian = new Historian();
  const [id = ""] = historian.domains;
  historian.play({ verb: "define", domain: id });
  const state = emptyState(id);
  for (const record of historian.records) if (record.domain === id) apply(state, record);
  parents.forEach((parent, i) => {
    const snapshot = snapshotAt(state, i, nameOf(i), parent);
    state.snapshots.set(snapshot.id, snapshot);
    state.byName.set(snapshot.name, snapshot.id);
    const siblings = state.children.get(snapshot.parent) ?? new Set();
    state.children.set(snapshot.parent, siblings.add(snapshot.id));
  });
  return state;
}

function snapshotAt({ heads, position }: DomainState, i: number, name: string, parent: number | null): Snapshot {
  return {
    ...{ id: `id${i}`, name, description: "", parent: parent === null ? null : `id${parent}`, state: "off" },
    ...{ active: true, automatic: false, layers: { ...heads }, memory: null },
    ...{ createdAt: "2026-01-01T00:00:00.000Z", position, actor: alice, reason: null },
  };
}
