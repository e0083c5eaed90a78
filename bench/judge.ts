import type { Finding, Measured } from "./row.ts";

/** Pure: from rounds to a ratio with its noise, and from these and a bound to a verdict. */

/** A limit that a row's ratio has to keep; none for rows that are only told. `why`: where it is from, or why it is red. */
export interface Bound {
  readonly min?: number;
  readonly max?: number;
  readonly why: string;
}

export type Bounds = Readonly<Record<string, Bound>>;

/**
 * `within noise`: the bound is missed, but by no more than the noise. `not measured`: it has a bound and no figure,
 * which is no better than missing it. `told`: it has no bound.
 */
export type Verdict = "met" | "within noise" | "MISSED" | "not measured" | "told";

export const isRed = (verdict: Verdict): boolean => verdict === "MISSED" || verdict === "not measured";

export interface Judged {
  readonly subject: string;
  readonly id: string;
  readonly what: string;
  readonly control: string;
  readonly unit: string;
  /** Medians over the rounds; with `ratio` and `noise` NaN where nothing was measured. */
  readonly ours: number;
  readonly controls: number;
  readonly ratio: number;
  /** Half the width of the 95 % confidence interval of `ratio`. */
  readonly noise: number;
  readonly bound: Bound;
  readonly verdict: Verdict;
  /** Why there is no figure. */
  readonly missing?: string;
}

export function judge(subject: string, id: string, finding: Finding, bound: Bound): Judged {
  const { what } = finding;
  if ("missing" in finding) {
    const none = { control: "", unit: "", ours: NaN, controls: NaN, ratio: NaN, noise: NaN };
    const verdict = isTold(bound) ? "told" : "not measured";
    return { subject, id, what, ...none, bound, verdict, missing: finding.missing };
  }
  const { control, unit } = finding;
  const ratios = ratiosOf(finding);
  const [ratio, noise] = [median(ratios), noiseOf(ratios)];
  const [ours, controls] = [median(finding.ours), median(finding.controls)];
  const verdict = verdictOf(ratio, noise, bound);
  return { subject, id, what, control, unit, ours, controls, ratio, noise, bound, verdict };
}

/** Of each round by itself: what else the machine does changes between rounds more than within one. */
function ratiosOf({ ours, controls, inverse = false }: Measured): number[] {
  if (ours.length === 0 || ours.length !== controls.length) throw new Error("a round has to measure both");
  return ours.map((value, round) => {
    const control = controls[round] ?? NaN;
    return inverse ? control / value : value / control;
  });
}

const isTold = ({ min, max }: Bound): boolean => min === undefined && max === undefined;

function verdictOf(ratio: number, noise: number, bound: Bound): Verdict {
  const { min = -Infinity, max = Infinity } = bound;
  if (isTold(bound)) return "told";
  if (ratio >= min && ratio <= max) return "met";
  return ratio + noise >= min && ratio - noise <= max ? "within noise" : "MISSED";
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** Between two numbers, in proportion; NaN of none. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const [low = NaN, high = NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * How far a median of so many rounds may lie from the true one: half of its 95 % confidence interval, with the spread
 * estimated by the median absolute deviation (times 1.4826, as of a normal distribution), which one disturbed round
 * does not move. The standard error of a median is 1.2533 of that of a mean.
 */
export function noiseOf(ratios: readonly number[]): number {
  const middle = median(ratios);
  const spread = 1.4826 * median(ratios.map((ratio) => Math.abs(ratio - middle)));
  return (1.96 * 1.2533 * spread) / Math.sqrt(ratios.length);
}
