/**
 * How much of the large sets a run tests. SNAPLEDGER_TESTS: `whole`, or for sets that are drawn a number.
 * SNAPLEDGER_SEED: another sample than the usual one, or the one that failed; what fails prints its seed.
 */
const size = process.env["SNAPLEDGER_TESTS"] ?? "usual";
const asked = process.env["SNAPLEDGER_SEED"];

export const whole = size === "whole";

export function seedOr(usual: number): number {
  return asked === undefined ? usual : Number(asked);
}

/** How many of a set without end. */
export function countOf({ usual, whole: all }: { readonly usual: number; readonly whole: number }): number {
  if (whole) return all;
  return size === "usual" ? usual : Number(size);
}

/** So many of a set, in the order of its seed; or all. */
export function sampleOf<T>(set: readonly T[], usual: number): readonly T[] {
  if (whole) return set;
  const start = (seedOr(1) - 1) * usual;
  return Array.from({ length: Math.min(usual, set.length) }, (_, i) => set[(start + i) % set.length]!);
}

/** Of points that are numbered from 1 up, the first one and the step to the next; `nth` tells samples of one set apart. */
export function pointsOf(usualStep: number, nth = 0): { readonly first: number; readonly step: number } {
  return whole ? { first: 1, step: 1 } : { first: 1 + ((seedOr(1) - 1 + nth) % usualStep), step: usualStep };
}
