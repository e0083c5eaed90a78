import type { Command } from "../../src/events/command.ts";
import type { GuestState } from "../../src/events/records.ts";
import type { Random } from "../support/random.ts";
import type { RunProfile } from "./run-profile.ts";
import { decides } from "./command-in-flight.ts";
import { rare } from "./failpoints.ts";

/**
 * Three seeds of five are directed: each steers towards one rare failpoint of the list, and whoever comes there dies. A
 * point that is added to the list, or taken from it, changes the aims of few seeds.
 */
const directedPercent = 60;

export function targetFailpointOf(seed: number, drawn: Random): TargetFailpoint | undefined {
  if (!drawn.chance(directedPercent)) return undefined;
  let nearest = "";
  let best = -1;
  for (const [name, number] of numbers) {
    const weight = mixed(number ^ Math.imul(seed, 0x9e3779b1));
    if (weight <= best) continue;
    best = weight;
    nearest = name;
  }
  return new TargetFailpoint(nearest, drawn);
}

const numbers = [...rare].map((name) => [name, hashOf(name)] as const);

function hashOf(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}

function mixed(number: number): number {
  const once = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}

/** A failpoint, `SuspendDomain: before commitLive`, and what leads there. */
export class TargetFailpoint {
  readonly name: string;
  readonly command: Command["type"] | "recovery";
  /** `before commitLive`, and what it is about, `commitLive`. */
  readonly point: string;
  readonly about: string;
  readonly #drawn: Random;
  /** The command whose outcome recovery is to record. */
  readonly #before: Command["type"] | undefined;
  /** Whoever comes there as this one of many dies. */
  #passes: number;

  constructor(name: string, drawn: Random) {
    const [command = "", point = ""] = name.split(": ");
    this.name = name;
    this.command = command as TargetFailpoint["command"];
    this.point = point;
    this.about = point.replace(/^(before|after) (append )?/, "");
    this.#before = this.command === "recovery" ? beginners.find((type) => decides({ type }) === this.about) : undefined;
    this.#drawn = drawn;
    this.#passes = drawn.one([1, 1, 1, 1, 2]);
  }

  /** Whether the process that passes a point dies at it: at the target, or so that recovery has what it needs. */
  diesAt(name: string): boolean {
    if (name === this.name) return --this.#passes === 0;
    return (
      this.#before !== undefined && name === `${this.#before}: before append ${this.about}` && this.#drawn.chance(70)
    );
  }

  /** Whether it is interrupted as its command has begun: then it has to fail. */
  interruptsAt(name: string): boolean {
    const fails = this.about === "OperationFailed" && name === `${this.command}: after append OperationStarted`;
    return fails && this.#drawn.chance(50);
  }

  /**
   * How often a call fails: folds and removals that are to be done by one command are kept from being done by others,
   * and by the recovery before it.
   */
  failsPercent(method: string, command: Command["type"], recovers: boolean): number {
    if (!(this.isFold && method.startsWith("commit")) && !(this.isRemoval && method === "remove")) return 0;
    const due = this.command === "recovery" ? command === "RecoverDomain" : command === this.command && !recovers;
    return due ? 10 : this.isFold ? 95 : 85;
  }

  get isFold(): boolean {
    return foldPoints.has(this.about);
  }

  get isRemoval(): boolean {
    return this.about === "remove" || this.about === "LayersRemoved";
  }

  /** The intent is decided again, since others appended meanwhile. */
  get isRetry(): boolean {
    return this.about === "";
  }

  get needsGuest(): boolean {
    return guestCommands.has(this.command) || this.#isLive;
  }

  /** What a running guest allows is about a snapshot that its heads do not stand on. */
  get isBeside(): boolean {
    return this.about === "commitLive" && (this.command === "DeactivateSnapshot" || this.command === "DiscardSnapshot");
  }

  get #isLive(): boolean {
    return /commitLive|reeze|start|Domain(Started|Stopped|Suspended|Resumed)/.test(this.about);
  }

  /** The command that leads there soonest. */
  next(guest: GuestState, folding: boolean, snapshots: number, current: string | null): Command["type"] {
    const { command } = this;
    if (this.#before) return onWay(this.#before, guest);
    if (this.isFold && command !== "MergeSnapshot" && !folding) return this.#toFold(guest, snapshots, current);
    // A merge makes overlays when the heads stand on what is merged into.
    if (command === "MergeSnapshot" && !this.isFold && this.#drawn.chance(40))
      return this.#toFold(guest, 1 + snapshots, current);
    if (command === "recovery") return "RecoverDomain";
    if (this.about === "CommandRejected") return command;
    if (this.isRemoval && this.#drawn.chance(40)) return snapshots === 0 ? "CreateSnapshot" : "DiscardSnapshot";
    if (this.#isLive && guest === "off" && command !== "CreateWithSnapshot") return "StartDomain";
    return onWay(command, guest);
  }

  /**
   * What leaves a fold to be done. One that a guest's command is to do by itself is not in the guest's chain: the heads
   * are moved to the base image first.
   */
  #toFold(guest: GuestState, snapshots: number, current: string | null): Command["type"] {
    if (snapshots < 2) return "CreateSnapshot";
    if (this.isBeside && this.#drawn.chance(35)) return onWay("CreateWithSnapshot", guest);
    if (!this.#isLive && guestCommands.has(this.command)) {
      if (current === null) return "MergeSnapshot";
      if (guest !== "off") return "DestroyDomain";
      return this.#drawn.chance(75) ? "DeactivateSnapshot" : "MergeSnapshot";
    }
    if (this.command !== "MergeSnapshot" || this.#drawn.chance(50)) return "MergeSnapshot";
    return this.#drawn.chance(50) ? onWay("CreateWithSnapshot", guest) : "DeactivateSnapshot";
  }
}

/** The command itself if the guest is as it must be for it, or one that brings the guest nearer to that. */
function onWay(command: Command["type"], guest: GuestState): Command["type"] {
  switch (command) {
    case "StartDomain":
    case "CreateWithSnapshot":
    case "UndefineDomain":
      return guest === "off" ? command : "DestroyDomain";
    case "DestroyDomain":
      return guest === "off" ? "StartDomain" : command;
    case "ShutdownDomain":
    case "SuspendDomain":
      if (guest === "off") return "StartDomain";
      return guest === "paused" ? "ResumeDomain" : command;
    case "ResumeDomain":
      if (guest === "off") return "StartDomain";
      return guest === "running" ? "SuspendDomain" : command;
    default:
      return command;
  }
}

const beginners = [
  ...["StartDomain", "DestroyDomain", "SuspendDomain", "ResumeDomain", "CreateSnapshot"],
] as Command["type"][];
const guestCommands = new Set<string>([
  ...["StartDomain", "DestroyDomain", "ShutdownDomain", "SuspendDomain", "ResumeDomain"],
]);
const foldPoints = new Set([
  ...["commit", "commitLive", "commit half done", "shrink", "repoint", "repairLeaks", "FoldStarted", "LayersCompacted"],
]);

/** Few mishaps but those that lead there. */
export function profileTowards(targetFailpoint: TargetFailpoint, drawn: Random, profile: RunProfile): RunProfile {
  const diesPercent = targetFailpoint.command === "recovery" ? 6 : drawn.one([0, 0, 1]);
  const failsPercent = targetFailpoint.about === "OperationFailed" ? drawn.one([3, 8]) : drawn.one([0, 0, 2]);
  return {
    ...profile,
    ...{ steps: 28 + drawn.below(14), faultRates: { diesPercent, failsPercent, failing: {} } },
    ...{ writeFailsPercent: drawn.one([0, 0, 1]), powerCutPercent: 0, leaning: "none" as const },
    guests: targetFailpoint.needsGuest || profile.guests,
    ...(targetFailpoint.isRetry
      ? { atOnce: 3, domains: 3 }
      : { atOnce: drawn.one([1, 1, 2]), domains: drawn.one([1, 1, 1, 2]) }),
  };
}
