import { Crash } from "../../src/drivers/faults.ts";
import type { Fuse } from "../../src/drivers/faults.ts";
import { fullDisk, lockedImage } from "../../src/drivers/failures.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { SnapledgerError } from "../../src/errors.ts";
import type { Command } from "../../src/events/command.ts";
import type { Drawn } from "../damage/drawn.ts";
import { rare } from "./failpoints.ts";
import type { Failpoints } from "./failpoints.ts";
import type { Scheduler } from "./scheduler.ts";

/** How likely it is, in percent, that a process dies at a point it passes, and that a call of its driver fails. */
export interface Luck {
  readonly diesPercent: number;
  readonly failsPercent: number;
  /** The same for folds: where they fail often, much waits to be folded. */
  readonly foldsFailPercent: number;
}

const rareDiesPercent = 35;

/** One process that executes one command: where it dies and which of its calls fail are drawn. */
export class Manager implements Fuse {
  readonly points: string[] = [];
  /** Calls that were made to fail, and what else of its surroundings was bad. */
  readonly harms: string[] = [];
  crash: Crash | undefined;
  #recovers = true;
  readonly #drawn: Drawn;
  readonly #luck: Luck;
  readonly #failpoints: Failpoints;
  readonly command: Command;
  readonly told: (line: string) => void;

  constructor(command: Command, drawn: Drawn, luck: Luck, failpoints: Failpoints, told: (line: string) => void) {
    this.command = command;
    this.#drawn = drawn;
    this.#luck = luck;
    this.#failpoints = failpoints;
    this.told = told;
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
    const name = `${this.#recovers ? "recovery" : this.command.type}: ${point}`;
    this.#failpoints.pass(name);
    const { diesPercent } = this.#luck;
    if (!this.#drawn.chance(diesPercent > 0 && rare.has(name) ? rareDiesPercent : diesPercent)) return;
    this.#failpoints.hit(name);
    this.kill(name);
    this.check();
  }

  kill(where: string): void {
    this.crash ??= new Crash(`killed, ${where}`);
    this.told(`dies: ${where}`);
  }

  /** The same driver, each of whose calls takes a turn, and may fail: before it does anything, or after all is done. */
  harm(driver: Driver, scheduler: Scheduler): Driver {
    const harmed = Object.entries(driver).map(([method, call]: [string, unknown]) => {
      if (typeof call !== "function") return [method, call];
      const harmedCall = async (...args: readonly unknown[]): Promise<unknown> => {
        await scheduler.turn();
        this.check();
        const { failsPercent, foldsFailPercent } = this.#luck;
        const fails = this.#drawn.chance(folds.has(method) ? Math.max(failsPercent, foldsFailPercent) : failsPercent);
        const afterwards = fails && doneAllTheSame.has(method) && this.#drawn.chance(50);
        if (fails && !afterwards) throw this.#failure(method, "");
        const result = await (call as (...args: readonly unknown[]) => Promise<unknown>)(...args);
        if (afterwards) throw this.#failure(method, " once done");
        return result;
      };
      return [method, harmedCall];
    });
    return Object.fromEntries(harmed) as Driver;
  }

  #failure(method: string, when: string): SnapledgerError {
    const error = this.#errorOf(method);
    this.harms.push(`${method}${when}: ${error.code}`);
    this.told(`${method} fails${when}: ${error.code}`);
    return error;
  }

  #errorOf(method: string): SnapledgerError {
    if (method === "shutdown") return new SnapledgerError("GUEST_BUSY", "It does not listen (drawn).");
    const codes = full.has(method)
      ? (["DISK_FULL", "IMAGE_LOCKED", "DRIVER_FAILED"] as const)
      : (["DRIVER_FAILED"] as const);
    const code = method === "probeLock" ? "IMAGE_LOCKED" : this.#drawn.one(codes);
    if (code === "DISK_FULL") return fullDisk("drawn");
    return code === "IMAGE_LOCKED" ? lockedImage("drawn") : new SnapledgerError(code, "Input/output error (drawn).");
  }
}

/** What may have been done although it is said to have failed. */
const doneAllTheSame = new Set([
  ...["makeOverlay", "compressLayer", "commit", "shrink", "repoint", "repairLeaks", "remove"],
  ...["stop", "suspend", "resume", "commitLive"],
]);
const folds = new Set(["commit", "commitLive"]);
const full = new Set(["makeOverlay", "compressLayer", "commit", "shrink", "repoint", "remove", "freeze", "commitLive"]);
