import { Crash } from "../support/faults.ts";
import type { Fuse } from "../support/faults.ts";
import { fullDisk, lockedImage } from "../../src/drivers/errors.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { SnapledgerError } from "../../src/errors.ts";
import type { Command } from "../../src/events/command.ts";
import type { Random } from "../support/random.ts";
import { rare, rarest } from "./failpoints.ts";
import type { Failpoints } from "./failpoints.ts";
import type { TargetFailpoint } from "./target-failpoint.ts";
import type { Scheduler } from "./scheduler.ts";

/** How likely it is, in percent, that a process dies at a point it passes, and that a call of its driver fails. */
export interface FaultRates {
  readonly diesPercent: number;
  readonly failsPercent: number;
  /**
   * Methods that fail more often: where folds do, much waits to be folded. `recovery commit`: before the command itself
   * begins.
   */
  readonly failing: Readonly<Partial<Record<string, number>>>;
  /** How likely it is, in percent, that a tool says it has folded and has done nothing. */
  readonly liesPercent?: number;
}

/** Nothing happens to it. */
export const noFaults: FaultRates = { diesPercent: 0, failsPercent: 0, failing: {} };

interface ManagerParts {
  readonly command: Command;
  readonly drawn: Random;
  readonly faultRates: FaultRates;
  readonly failpoints: Failpoints;
  /** Where the run is steered to. */
  readonly targetFailpoint: TargetFailpoint | undefined;
  readonly interrupt: () => void;
  readonly told: (line: string) => void;
}

const rareDiesPercent = 35;

/** One process that executes one command: where it dies and which of its calls fail are drawn. */
export class Manager implements Fuse {
  readonly points: string[] = [];
  /** Calls that were made to fail, and what else of its surroundings was bad. */
  readonly harms: string[] = [];
  crash: Crash | undefined;
  #recovers = true;
  readonly #parts: ManagerParts;

  constructor(parts: ManagerParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.points.length;
  }

  check(): void {
    if (this.crash) throw this.crash;
  }

  /** Until its own intent is on its way, whatever a process does is recovery: the same for every command. */
  pass(point: string): void {
    this.check();
    if (point === "before append OperationStarted" || point === "before append CommandRejected") this.#recovers = false;
    this.points.push(point);
    const { command, failpoints, targetFailpoint, interrupt } = this.#parts;
    const name = `${this.#recovers ? "recovery" : command.type}: ${point}`;
    failpoints.pass(name);
    if (targetFailpoint?.interruptsAt(name)) interrupt();
    if (!this.#diesAt(name)) return;
    failpoints.hit(name);
    this.kill(name);
    this.check();
  }

  #diesAt(name: string): boolean {
    const { drawn, faultRates, targetFailpoint } = this.#parts;
    if (targetFailpoint?.diesAt(name)) return true;
    const percent = (targetFailpoint ?? faultRates.diesPercent > 0) ? rarest.get(name) : undefined;
    if (percent !== undefined) return drawn.chance(percent);
    // On the way to a target failpoint, other rare points are to be passed.
    const often = !targetFailpoint && faultRates.diesPercent > 0 && rare.has(name);
    return drawn.chance(often ? rareDiesPercent : faultRates.diesPercent);
  }

  kill(where: string): void {
    this.crash ??= new Crash(`killed, ${where}`);
    this.#parts.told(`dies: ${where}`);
  }

  /** The same driver, each of whose calls takes a turn, and may fail: before it does anything, or after all is done. */
  harm(driver: Driver, scheduler: Scheduler): Driver {
    const { command, drawn, faultRates, targetFailpoint } = this.#parts;
    const harmed = Object.entries(driver).map(([method, call]: [string, unknown]) => {
      if (typeof call !== "function") return [method, call];
      const harmedCall = async (...args: readonly unknown[]): Promise<unknown> => {
        await scheduler.turn();
        this.check();
        const { failsPercent, failing } = faultRates;
        const often = targetFailpoint?.failsPercent(method, command.type, this.#recovers) ?? 0;
        const now = (this.#recovers && failing[`recovery ${method}`]) || failing[method];
        const fails = drawn.chance(Math.max(failsPercent, now ?? 0, often));
        const afterwards = fails && doneAllTheSame.has(method) && drawn.chance(50);
        if (fails && !afterwards) throw this.#failure(method, "");
        if (this.#lies(method)) return undefined;
        const result = await (call as (...args: readonly unknown[]) => Promise<unknown>)(...args);
        if (afterwards) throw this.#failure(method, " once done");
        return result;
      };
      return [method, harmedCall];
    });
    return Object.fromEntries(harmed) as Driver;
  }

  #lies(method: string): boolean {
    const { drawn, faultRates, told } = this.#parts;
    if (method !== "commit" || !faultRates.liesPercent || !drawn.chance(faultRates.liesPercent)) return false;
    this.harms.push("commit does nothing");
    told("commit does nothing, and says it has");
    return true;
  }

  #failure(method: string, when: string): SnapledgerError {
    const error = this.#errorOf(method);
    this.harms.push(`${method}${when}: ${error.code}`);
    this.#parts.told(`${method} fails${when}: ${error.code}`);
    return error;
  }

  #errorOf(method: string): SnapledgerError {
    if (method === "shutdown") return new SnapledgerError("GUEST_BUSY", "It does not listen (drawn).");
    const codes = full.has(method)
      ? (["DISK_FULL", "IMAGE_LOCKED", "DRIVER_FAILED"] as const)
      : (["DRIVER_FAILED"] as const);
    const code = method === "probeLock" ? "IMAGE_LOCKED" : this.#parts.drawn.one(codes);
    if (code === "DISK_FULL") return fullDisk("drawn");
    return code === "IMAGE_LOCKED" ? lockedImage("drawn") : new SnapledgerError(code, "Input/output error (drawn).");
  }
}

/** What may have been done although it is said to have failed. */
const doneAllTheSame = new Set([
  ...["makeOverlay", "compressLayer", "commit", "shrink", "repoint", "repairLeaks", "remove"],
  ...["stop", "suspend", "resume", "commitLive"],
]);
const full = new Set(["makeOverlay", "compressLayer", "commit", "shrink", "repoint", "remove", "freeze", "commitLive"]);
