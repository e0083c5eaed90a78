import { Replay } from "../../src/projections/replay/replay.ts";
import { sealed, SnapshotHistory } from "../history.ts";
import { milliseconds } from "../rounds.ts";
import type { Bench, Findings, Subject } from "../row.ts";

/** One step of `replay`, forwards and backwards, in a domain with many snapshots. */
export const step: Subject = {
  name: "step",
  about: "one step of `replay` in a domain of 10,000 snapshots, against copying the maps that it must not copy",
  rows: ["step-next", "step-back"],
  run,
};

async function run({ quick }: Bench): Promise<Findings> {
  const [snapshots, steps] = quick ? [1000, 50] : [10_000, 200];
  const history = new SnapshotHistory(snapshots + steps);
  const records = [...sealed(history.events)].map(({ record }) => record).filter(({ domain }) => domain !== null);
  const player = new Replay(records);
  player.goTo(records.length - steps);
  const times = { next: [] as number[], back: [] as number[], copies: [] as number[] };
  for (let i = 0; i < steps; i++) {
    const { layers, snapshots: all, byName } = player.state!;
    times.copies.push(await milliseconds(() => [new Map(layers), new Map(all), new Map(byName)]));
    times.next.push(await milliseconds(() => player.next()));
  }
  for (let i = 0; i < steps; i++) times.back.push(await milliseconds(() => player.back()));
  const of = `among ${snapshots} snapshots`;
  const rest = { control: "copying three Maps of the state", unit: "ms", controls: times.copies } as const;
  return {
    rows: {
      "step-next": { what: `a step forwards ${of}`, ...rest, ours: times.next },
      "step-back": { what: `a step back ${of}`, ...rest, ours: times.back },
    },
  };
}
