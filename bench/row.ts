import type { Peers } from "./peers.ts";
import type { Stores } from "./stores.ts";

/** What the harness and its subjects exchange. */

/** One thing that is measured together: it takes its candidates in turn and gives every row that it names. */
export interface Subject {
  readonly name: string;
  /** In one line, for `--help`. */
  readonly about: string;
  /** The ids of its rows. `bounds.json` has an entry for each, and for nothing else. */
  readonly rows: readonly string[];
  run(bench: Bench): Promise<Findings>;
}

/** What a subject is given. */
export interface Bench {
  /** Fewer rounds and smaller sizes: to see that it works. Its figures are worth little. */
  readonly quick: boolean;
  /** Empty, this subject's alone, removed afterwards. */
  readonly folder: string;
  /** Large stores, made once in a run. */
  readonly stores: Stores;
  readonly peers: () => Peers;
  readonly say: (progress: string) => void;
}

export interface Findings {
  readonly rows: Readonly<Record<string, Finding>>;
  readonly curves?: readonly Curve[];
}

export type Finding = Measured | NotMeasured;

export interface NotMeasured {
  readonly what: string;
  /** Why not. */
  readonly missing: string;
}

export interface Measured {
  /** What was measured, sizes included. */
  readonly what: string;
  /** What it is compared with. */
  readonly control: string;
  readonly unit: "events/s" | "ms" | "µs";
  /** `inverse`: the control's value by ours, as "so many times as fast" is told of times. */
  readonly inverse?: boolean;
  /** One of each by round. Both were measured in the same round, one soon after the other. */
  readonly ours: readonly number[];
  readonly controls: readonly number[];
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Drawn by `--plot` as `docs/bench-<id>.svg`, with logarithmic axes. */
export interface Curve {
  readonly id: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}
