import type { Progress } from "../drivers/driver.ts";
import type { ErrorCode } from "../errors.ts";
import type { Command } from "../events/command.ts";
import type { Actor } from "../events/events.ts";
import type { CommandId, OperationId, SnapshotId } from "../events/ids.ts";
import type { Plan } from "../events/plan.ts";
import type { DomainRef, Sets, SnapshotRef } from "../events/records.ts";

/** What a command comes with, and what comes of it: plain JSON. */

/** Who asks. Passed with each call; nothing below the edge reads it from the process. Other fields are not kept. */
export interface Caller extends Actor {
  readonly pid: number | null;
}

export interface Request {
  readonly reason?: string | null;
  readonly ticket?: string | null;
  /**
   * The same id with the same command again returns the first result; with another command it is COMMAND_ID_REUSED. A
   * merge into the base image is COMPACTION_PENDING again while its folds are.
   */
  readonly commandId?: CommandId | null;
  /** REVISION_CONFLICT unless the domain is at this revision when the command is decided. */
  readonly expectRevision?: number;
  /** SNAPSHOT_NOT_FOUND unless the snapshot that the command names is this one still: its name may be another's by now. */
  readonly expectSnapshot?: SnapshotId;
  /** Decide, and say what would be done, but do nothing and record nothing. */
  readonly plan?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** Aborting is Ctrl-C: a long step stops where it is and stays resumable; INTERRUPTED. */
  readonly signal?: AbortSignal;
}

export interface Warning {
  readonly code: ErrorCode | "CHAIN_DEEP" | "MANY_SNAPSHOTS" | "CLOCK_WENT_BACK" | "RECOVERED" | "UNMANAGED_DEVICE";
  readonly message: string;
  readonly hint?: string;
}

/** What a command did, or with `plan` would do. */
export interface Outcome {
  readonly command: Command["type"];
  readonly planned: boolean;
  readonly domain: DomainRef;
  readonly operation: OperationId | null;
  /** The position of the event that decided it; null with `plan`, or when there was nothing to do. */
  readonly position: number | null;
  /** The domain's revision afterwards. */
  readonly revision: number;
  /** The snapshot it was about. */
  readonly snapshot: SnapshotRef | null;
  /** What took the snapshot's place: the merge's target, the new current. */
  readonly current: SnapshotRef | null;
  /** A dirty head that was kept under this name. */
  readonly autosave: SnapshotRef | null;
  readonly plan: Plan;
  readonly sets: Sets;
  /** Files unlinked, folds done and still to do. */
  readonly removed: readonly string[];
  readonly folded: number;
  readonly foldsPending: number;
  /** Files left on disk by undefine --keep-files. */
  readonly kept: readonly string[];
  /** What was found and chosen for an operation that died, for recover --explain: one sentence each. */
  readonly recovered: readonly string[];
  readonly warnings: readonly Warning[];
  /** true: this command id was executed before, and this is what it did then. */
  readonly repeated: boolean;
}
