import type { Command } from "./events/command.ts";
import type { Actor, EventRecord } from "./events/events.ts";
import type { LogHead, StoredRecord } from "./events/log.ts";
import type { CommandId, OperationId, SnapshotId } from "./events/ids.ts";
import type { Plan } from "./events/plan.ts";
import type { DomainRef, GuestState, Sets, SnapshotRef } from "./events/records.ts";
import type { DomainInfo, SnapshotFilter, SnapshotInfo } from "./projections/info.ts";
import type { Damage } from "./events/proven-access.ts";
import type { Verdict } from "./events/verify.ts";
import type { FilesVerdict } from "./commands/verify-files.ts";
import type { ErrorCode } from "./errors.ts";
import type { Progress } from "./drivers/driver.ts";

/** The types of the library's face. Everything taken and returned is plain JSON, so that a face may be far away. */

/** Who asks. Passed with each call; nothing below the edge reads it from the process. */
export interface Caller extends Actor {
  readonly pid: number | null;
}

export interface Request {
  readonly reason?: string | null;
  readonly ticket?: string | null;
  /** The same id with the same command again returns the first result; with another command it is COMMAND_ID_REUSED. */
  readonly commandId?: CommandId | null;
  /** REVISION_CONFLICT unless the domain is at this revision when the command is decided. */
  readonly expectRevision?: number;
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

export interface Connection {
  /** The store's absolute folder. */
  readonly store: string;
  execute(command: Command, caller: Caller, request?: Request): Promise<Outcome>;
  /** RecoverDomain for every domain the log knows, also those that are undefined or were never defined to the end. */
  recover(caller: Caller, request?: Request): Promise<readonly Outcome[]>;

  domains(): Promise<readonly DomainInfo[]>;
  /** By name or uuid. DOMAIN_NOT_FOUND. */
  domain(domain: string): Promise<DomainInfo>;
  /** The guest itself is asked: it may have ended since the log's last word. DOMAIN_NOT_FOUND, GUEST_BUSY. */
  guestState(domain: string): Promise<GuestState>;
  /** By name, or topological. DOMAIN_NOT_FOUND, SNAPSHOT_NOT_FOUND (of `from`). */
  snapshots(domain: string, filter?: SnapshotFilter): Promise<readonly SnapshotInfo[]>;
  snapshot(domain: string, name: string): Promise<SnapshotInfo>;

  /** Stored lines with their records, in position order; `domain` narrows to one domain's. */
  read(range?: { from?: number; to?: number; domain?: string }): AsyncIterable<StoredRecord>;
  /** POSITION_NOT_FOUND. */
  record(position: number): Promise<StoredRecord>;
  head(): Promise<LogHead>;
  /** Proves a copy of the log: the store is held only while that is made. */
  verify(options?: { onProgress?: OnVerified; holds?: string }): Promise<Verdict>;
  /** Compares every defined domain's files with the log, by header and metadata. Changes nothing. */
  verifyFiles(): Promise<FilesVerdict>;
  /** The whole log, proven, into a new FILE.tar.gz; others work on meanwhile. FILE_EXISTS, LOG_DAMAGED. */
  backup(file: string, onProgress?: OnVerified): Promise<LogHead>;
  /**
   * Goes on from an old copy that was put in the log's place, and records it. null when the log is not behind what
   * `knownHeads` has seen of it.
   */
  acceptRollback(caller: Caller, request?: StoreRequest): Promise<LogHead | null>;
  /** Yields the log's position each time it has grown past `from`; a wake-up only. Ends when `signal` aborts. */
  watch(from: number, signal?: AbortSignal): AsyncIterable<number>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** Absolute folder of an existing store. */
  readonly store: string;
  /** How long to wait for another process that has the log open, or works on the same domain. Default 5000. */
  readonly waitMs?: number;
  /** Keep the database open between calls (a server). Default false. */
  readonly hold?: boolean;
  /** What this process does, for whoever waits for it. */
  readonly verb?: string;
  /**
   * Absolute folder that remembers the last head seen of each log; LOG_BEHIND when a store that is behind it is to be
   * written to. Keep it outside the store. Default: nothing is remembered.
   */
  readonly knownHeads?: string;
  /** Told once when the log is damaged: reads then go on with what is proven. Without it they reject with LOG_DAMAGED. */
  readonly onDamage?: (damage: Damage) => void;
}

/** What goes with what is done to a store as a whole. */
export interface StoreRequest {
  readonly reason?: string | null;
  readonly ticket?: string | null;
  readonly onVerified?: OnVerified;
}

/** Records proven, of how many. */
export type OnVerified = (done: number, total: number) => void;

export type { DiskInfo, OperationInfo } from "./projections/info.ts";
export type { Damage, DomainInfo, EventRecord, FilesVerdict, SnapshotFilter, SnapshotId, SnapshotInfo, Verdict };
