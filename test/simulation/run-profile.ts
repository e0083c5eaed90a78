import type { Random } from "../support/random.ts";
import type { FaultRates } from "./manager.ts";

/** How rough a run is, and how long: drawn first, so that calm runs go deep and rough ones meet everything. */
export interface RunProfile {
  readonly steps: number;
  /** Commands under way at the same time, at the most. */
  readonly atOnce: number;
  readonly faultRates: FaultRates;
  readonly writeFailsPercent: number;
  /** As often as the log has written. */
  readonly powerCutPercent: number;
  /** Guests run, or every command is for one that is off. */
  readonly guests: boolean;
  /** Domains, and the most disks that one has. */
  readonly domains: number;
  readonly disks: number;
  /** Base images that definitions choose from: the fewer, the more of them are shared. */
  readonly bases: number;
  /** The store: an array of lines, or the LevelDB log on a simulated disk. */
  readonly store: "memory" | "disk";
  /**
   * What people do more of: take snapshots up to the limits, merge disks of changing sizes into base images, merge one
   * snapshot after the other while folds that have moved links already are not recorded, or make a disk longer and shorter
   * between snapshots that are merged while folds are kept from being done.
   */
  readonly leaning: "none" | "snapshots" | "bases" | "links" | "sizes";
}

/** The LevelDB log proves whatever it reads, which takes time: a share of the runs. */
const diskPercent = 15;

export function profileOf(drawn: Random): RunProfile {
  const rough = drawn.chance(70);
  const leaning = drawn.one(["none", "none", "none", "none", "none", "snapshots", "bases", "bases"] as const);
  const foldsFail = leaning === "bases" ? 75 : rough ? drawn.one([0, 0, 0, 60]) : 0;
  return {
    // Limits are reached late.
    steps: (leaning === "snapshots" ? 30 : 14) + drawn.below(26),
    atOnce: drawn.one([1, 1, 2, 3]),
    faultRates: {
      diesPercent: rough ? drawn.one([0, 1, 2, 4, 8]) : 0,
      failing: { commit: foldsFail, commitLive: foldsFail },
      failsPercent: rough ? drawn.one([0, 1, 3, 6]) : 0,
      liesPercent: rough ? drawn.one([0, 0, 10]) : 0,
    },
    writeFailsPercent: rough ? drawn.one([0, 0, 1, 2]) : 0,
    powerCutPercent: rough ? drawn.one([0, 0, 1, 2]) : 0,
    guests: drawn.chance(leaning === "bases" ? 20 : 60),
    domains: leaning === "bases" ? 1 : drawn.one([1, 1, 2, 2, 3]),
    disks: drawn.one([1, 1, 2]),
    bases: drawn.one([1, 2, 4, 8]),
    store: drawn.chance(diskPercent) ? "disk" : "memory",
    leaning,
  };
}

/** Folds are cut short again and again, most of them under a guest. */
export function profileOfMovedLinks(profile: RunProfile): RunProfile {
  const faultRates = { diesPercent: 0, failsPercent: 0, failing: { commit: 30, commitLive: 60, repairLeaks: 40 } };
  const few = { atOnce: 1, domains: 1, disks: 1, writeFailsPercent: 0, powerCutPercent: 0 };
  return { ...profile, ...few, faultRates, steps: 36, guests: true, leaning: "links" };
}

/** Disks are cut, with something behind the cut, and made longer; tools fail, and lie, and so folds come late. */
export function profileOfSizes(profile: RunProfile, drawn: Random): RunProfile {
  const faultRates = {
    diesPercent: drawn.one([0, 2]),
    failsPercent: 0,
    failing: { commit: 35, commitLive: 35 },
    liesPercent: 12,
  };
  const few = { atOnce: 1, domains: 1, disks: 1, writeFailsPercent: 0, powerCutPercent: 0 };
  return { ...profile, ...few, faultRates, steps: 36, bases: 8, guests: drawn.chance(60), leaning: "sizes" };
}
