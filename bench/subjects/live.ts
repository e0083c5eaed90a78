import type { EventRecord, NewEvent } from "../../src/events/events.ts";
import { apply, applyAll } from "../../src/projections/domain.ts";
import { emptyState } from "../../src/projections/state.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { refOf, sealed, SnapshotHistory } from "../history.ts";
import { interleaved, processorMs } from "../rounds.ts";
import type { Bench, Findings, Subject } from "../row.ts";

/** What an event costs that comes to a domain which has many snapshots. */
export const live: Subject = {
  name: "live",
  about: "the cost of an event at 1,000 and at 100,000 live snapshots in one domain",
  rows: ["live-event"],
  run,
};

async function run({ quick, say }: Bench): Promise<Findings> {
  const [few, many] = quick ? [1000, 10_000] : [1000, 100_000];
  say(`folding events into domains of ${few} and ${many} snapshots ...`);
  const events = await interleaved(quick ? 5 : 15, { few: folding(few, quick), many: folding(many, quick) });
  return {
    rows: {
      "live-event": {
        ...{ what: `fold an event, ${many} snapshots`, control: `the same, ${few} snapshots`, unit: "µs" },
        ...{ ours: events.many, controls: events.few },
      },
    },
  };
}

/** Microseconds of the processor per event of the next few thousand, which leave as many snapshots as there were. */
function folding(snapshots: number, quick: boolean): () => Promise<number> {
  const history = new SnapshotHistory(snapshots);
  const state = emptyState(history.domain);
  for (const { record } of sealed(history.events)) if (record.domain === history.domain) apply(state, record);
  if (state.snapshots.size !== snapshots) throw new Error(`${state.snapshots.size} snapshots, not ${snapshots}`);
  let turn = 0;
  return async () => {
    const records: EventRecord[] = [];
    for (let i = 0; i < (quick ? 500 : 2000); i++) records.push(...cycle(history, state, snapshots, ++turn));
    const took = await processorMs(() => applyAll(state, records));
    if (state.snapshots.size !== snapshots) throw new Error(`${state.snapshots.size} snapshots, not ${snapshots}`);
    return (took / records.length) * 1000;
  };
}

/** Start from some snapshot, take one, merge it into the one it stands on, fold, remove: five events. */
function cycle(history: SnapshotHistory, state: DomainState, snapshots: number, turn: number): EventRecord[] {
  // Far apart from one turn to the next, so that no cache is of use that a real domain would not have.
  const on = 1 + ((turn * 7919) % (snapshots - 1));
  const [at, into] = [refOf(on), history.layerOf(on)];
  const made = { id: `made-${turn}`, name: `made-${turn}` };
  const [moved, head] = [history.file(`moved-${turn}`, into), history.file(`fresh-${turn}`, `moved-${turn}`)];
  const sets = { rewritten: [], orphaned: [], reparented: [], destroyed: [] };
  const snapshot = { ...made, description: "", parent: at, state: "off", automatic: false, memory: null } as const;
  const file = history.facts(into);
  const repointed = [{ layer: head.layer, file }];
  const from = { autosave: null, to: at, heads: [moved], destroyed: [] };
  const created = { snapshot: { ...snapshot, layers: [{ ...moved, compression: null }] }, heads: [head] };
  const merged = { snapshot: made, into: at, sets, children: [], discarded: [], moved: null, current: at };
  const compacted = { target: "vda", from: moved.layer, into, generation: turn, file, repointed, snapshots: [at.id] };
  const events = [
    { type: "HeadsMoved", schema: 1, data: from },
    { type: "SnapshotCreated", schema: 1, data: created },
    { type: "SnapshotMerged", schema: 1, data: merged },
    { type: "LayersCompacted", schema: 1, data: compacted },
    {
      type: "LayersRemoved",
      schema: 1,
      data: { files: [{ layer: moved.layer, path: moved.path, bytes: moved.bytes }] },
    },
  ] as unknown as Pick<NewEvent, "type" | "schema" | "data">[];
  const { position, revision, hash } = state;
  const place = { position: position + turn, revision: revision + turn, hash, time: "2026-01-01T00:00:00.000Z" };
  return events.map((event) => ({ ...history.event(event), ...place }) as unknown as EventRecord);
}
