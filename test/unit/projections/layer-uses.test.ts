import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { LayerId } from "../../../src/events/ids.ts";
import { layerUses } from "../../../src/projections/layer-uses.ts";
import { layerOf } from "../../../src/projections/layers.ts";
import { apply } from "../../../src/projections/domain.ts";
import { emptyState } from "../../../src/projections/state.ts";
import type { DomainState } from "../../../src/projections/state.ts";
import { step } from "../../../src/projections/replay/step.ts";
import { history } from "../../support/histories.ts";

/** Counted anew from the whole state, by other code than that which is tested. */
function counted(state: DomainState) {
  const named = new Set([...Object.values(state.heads), ...Object.values(state.baseRoles)]);
  for (const { layers } of state.snapshots.values()) for (const id of Object.values(layers)) named.add(id);
  const kept = new Set<LayerId>();
  for (const start of named)
    for (let id: LayerId | null = start; id !== null; id = layerOf(state, id).backing) kept.add(id);
  const garbage = [...state.layers.values()].filter(({ id, backing }) => backing !== null && !kept.has(id));
  return { anonymous: [...kept].filter((id) => !named.has(id)).sort(), garbage: garbage.map(({ id }) => id).sort() };
}

function kept(state: DomainState) {
  const { anonymous, garbage } = layerUses(state);
  return { anonymous: [...anonymous].sort(), garbage: [...garbage].sort() };
}

test.prop([history], { numRuns: 300 })("are after every event what counting anew finds", (records) => {
  const states = new Map<string, DomainState>();
  for (const record of records) {
    if (record.domain === null) continue;
    const state = states.get(record.domain) ?? emptyState(record.domain);
    states.set(record.domain, state);
    const before = layerUses(state);
    apply(state, record);
    expect(kept(state)).toEqual(counted(state));
    const isWhole = record.type === "DomainDefined" || record.type === "DomainUndefined";
    expect(layerUses(state) === before, "and are kept up, not counted anew").toBe(!isWhole);
  }
});

test.prop([history, fc.array(fc.boolean(), { minLength: 1 })])(
  "are not believed of a state that was changed by patches meanwhile",
  (records, patched) => {
    const states = new Map<string, DomainState>();
    for (const [i, record] of records.entries()) {
      if (record.domain === null) continue;
      const state = states.get(record.domain) ?? emptyState(record.domain);
      states.set(record.domain, state);
      if (patched[i % patched.length]) step(state, record);
      else apply(state, record);
      if (i % 3 === 0) expect(kept(state)).toEqual(counted(state));
    }
  },
);
