/**
 * One step of `replay`, forwards and backwards, in a domain with many snapshots, against one shallow copy of the maps
 * of layers, snapshots and names: what a step must not need. `tsx bench/replay-step.ts [SNAPSHOTS] [BRANCH]`.
 */
import { cpus, release } from "node:os";
import type { EventRecord } from "../src/events/events.ts";
import type { LayerFile } from "../src/events/records.ts";
import { Player } from "../src/projections/player.ts";
import { Historian } from "../test/histories.ts";

const snapshots = Number(process.argv[2] ?? 10_000);
const steps = 200;
/** A branch of so many, then back to the first: chains are bounded, as they are in a store. */
const branch = Number(process.argv[3] ?? 100);

const historian = new Historian();
const [id = ""] = historian.domains;
historian.play({ verb: "define", domain: id });
const records: EventRecord[] = historian.records.filter(({ domain }) => domain === id);
const state = historian.state(id);
const base = state.bases["vda"] ?? "";
const first = state.heads["vda"] ?? "";

function file(layer: string, backing: string): LayerFile {
  const facts = {
    format: "qcow2",
    bytes: 196_624,
    virtualBytes: 2 ** 23,
    device: "1",
    inode: "1",
    mtimeNs: "0",
  } as const;
  return { ...facts, path: `/layers/${id}/${layer}.qcow2`, target: "vda", layer, backing };
}

/** Snapshot i freezes the head before it and gets a fresh one: as the log tells it. */
function created(i: number): EventRecord {
  const [frozen, head] = [i === 0 ? first : `head-${i - 1}`, `head-${i}`];
  const on = i === 0 ? base : `head-${i % branch === 0 ? 0 : i - 1}`;
  const parent = i === 0 ? null : { id: `s${i % branch === 0 ? 0 : i - 1}`, name: `s${i % branch === 0 ? 0 : i - 1}` };
  const snapshot = {
    id: `s${i}`,
    name: `s${i}`,
    description: "",
    parent,
    state: "off",
    automatic: false,
    memory: null,
  } as const;
  const data = {
    snapshot: { ...snapshot, layers: [{ ...file(frozen, on), compression: null }] },
    heads: [file(head, frozen)],
  };
  const [last] = records;
  return { ...last, position: i + 10, revision: i + 3, type: "SnapshotCreated", schema: 1, data } as EventRecord;
}

for (let i = 0; i < snapshots + steps; i++) records.push(created(i));
const player = new Player(records);
player.goTo(records.length - steps);

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
const times = { next: [] as number[], back: [] as number[], folded: [] as number[], copies: [] as number[] };
function timed(into: number[], work: () => unknown): void {
  const start = performance.now();
  work();
  into.push(performance.now() - start);
}
for (let i = 0; i < steps; i++) {
  const { layers, snapshots: all, byName } = player.state!;
  timed(times.copies, () => [new Map(layers), new Map(all), new Map(byName)]);
  timed(times.next, () => player.next());
}
for (let i = 0; i < steps; i++) timed(times.back, () => player.back());
// Back from a jump: there is a trail for the first steps only, then the player folds to make another one.
player.goTo(0);
player.goTo(records.length);
for (let i = 0; i < steps; i++) timed(times.folded, () => player.back());

console.log(`${cpus().length} x ${cpus()[0]?.model ?? "?"}, Linux ${release()}, Node ${process.version}`);
console.log(`${snapshots} snapshots in one domain, branches of ${branch}; ${steps} steps, each a SnapshotCreated\n`);
const line = (what: string, of: number[]) =>
  `${what.padEnd(20)} median ${median(of).toFixed(2)} ms, longest ${Math.max(...of).toFixed(2)} ms`;
console.log(line("three Maps copied", times.copies));
console.log(`${line("next", times.next)}; ${(median(times.next) / median(times.copies)).toFixed(2)} of the copies`);
console.log(line("back", times.back));
const mean = times.folded.reduce((sum, ms) => sum + ms, 0) / steps;
console.log(`${line("back, after a jump", times.folded)}, mean ${mean.toFixed(2)} ms`);
console.log("\nwanted: one step under 5 ms");
