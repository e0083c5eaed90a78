import type { Command } from "../../src/events/command.ts";
import type { AnyEvent, EventRecord, EventType } from "../../src/events/events.ts";
import type { Caller, Request } from "../../src/connection/api.ts";
import type { Manager } from "./manager.ts";

/** One command given by somebody, from when it is given to when its process is done or dead. */
export interface CommandInFlight {
  readonly number: number;
  readonly command: Command;
  readonly caller: Caller;
  readonly request: Request;
  readonly manager: Manager;
  readonly abort: AbortController;
  /** Every code by which it could have been refused at any instant since, and whether it could have been accepted. */
  readonly codes: Set<string>;
  acceptable: boolean;
  /** Its command id had been used, or was being used, by another. */
  reuses: boolean;
  /** The guest was meddled with by somebody else since. */
  guestActed: boolean;
  /** The domain's revision when its lock was taken. */
  revision: number | null;
  /** Nothing is to come in its way. */
  readonly undisturbed: boolean;
  /** Somebody who does not see its lock has appended to its domain what it had not read. */
  overtaken: boolean;
  /** What it appends is being written. */
  appending: boolean;
}

/** What the log says of one operation. */
export interface OperationTrace {
  readonly inFlight: CommandInFlight;
  /** Who appended of it last: another than its own process recovers it. */
  by: CommandInFlight;
  intent: EventRecord | null;
  decided: EventRecord | null;
  rejected: EventRecord | null;
  failed: boolean;
}

const decisive: Readonly<Partial<Record<Command["type"], EventType>>> = {
  DefineDomain: "DomainDefined",
  UndefineDomain: "DomainUndefined",
  CreateSnapshot: "SnapshotCreated",
  CreateWithSnapshot: "HeadsMoved",
  DeactivateSnapshot: "SnapshotDeactivated",
  MergeSnapshot: "SnapshotMerged",
  DiscardSnapshot: "SnapshotDiscarded",
  StartDomain: "DomainStarted",
  DestroyDomain: "DomainStopped",
  ShutdownDomain: "DomainStopped",
  SuspendDomain: "DomainSuspended",
  ResumeDomain: "DomainResumed",
};

/** The one event that a command's effect hangs on. */
export function decides({ type }: Pick<Command, "type">): EventType | undefined {
  return decisive[type];
}

/** What follows the log and a guest, and belongs to no command: clean-up, folds, and what was noticed. */
export function isHousekeeping(event: AnyEvent): boolean {
  switch (event.type) {
    case "LayersRemoved":
    case "FoldStarted":
    case "LayersCompacted":
      return true;
    case "DomainStarted":
      return event.data.observed === true;
    case "DomainStopped":
    case "DomainSuspended":
    case "DomainResumed":
      return event.data.cause === "observed";
    default:
      return false;
  }
}
