import type { Command } from "../events/command.ts";
import type { EventRecord } from "../events/events.ts";
import type { LogHead, StoredRecord } from "../events/log.ts";
import type { SnapshotId } from "../events/ids.ts";
import type { GuestState } from "../events/records.ts";
import type { DomainInfo, DomainSummary, SnapshotFilter, SnapshotInfo } from "../projections/views/info.ts";
import type { Damage } from "../store/repair/read-damaged.ts";
import type { Unwritable } from "../store/repair/read-copy.ts";
import type { DomainDiff } from "../projections/history/diff.ts";
import type { NameChange } from "../projections/names.ts";
import type { Verdict } from "../events/verify.ts";
import type { FilesVerdict } from "../commands/facts/verify-files.ts";
import type { Evidence, EvidenceRequest, Proving } from "../evidence/api.ts";
import type { Caller, Outcome, Request } from "../commands/request.ts";
import type { AsOf } from "../queries/at-position.ts";
import type { ReadRange } from "../queries/records.ts";
import type { Bisection } from "../queries/bisect.ts";
import type { ReplayVerdict } from "../queries/verify-replay.ts";

/** The types of the library's face. Everything taken and returned is plain JSON, so that a face may be far away. */

export interface Connection extends Proving {
  /** The store's absolute folder. */
  readonly store: string;
  /** Unknown, missing and misshapen fields are USAGE (names of something new: INVALID_NAME), and nothing is recorded. */
  execute(command: Command, caller: Caller, request?: Request): Promise<Outcome>;
  /**
   * RecoverDomain for every domain the log knows, also those that are undefined or were never defined to the end. All
   * are tried. If any can't be settled, rejects with the first one's error then: its facts have the `outcomes` of those
   * that are, and `unsettled`, each with its `domain`, code, message and hint. What is wrong with the log itself (LOG_…)
   * and INTERRUPTED end it at once.
   */
  recover(caller: Caller, request?: Request): Promise<readonly Outcome[]>;

  domains(asOf?: AsOf): Promise<readonly DomainInfo[]>;
  /** The same domains, of each only what a list shows: that takes hardly longer of thousands. */
  summaries(asOf?: AsOf): Promise<readonly DomainSummary[]>;
  /** By name or uuid. DOMAIN_NOT_FOUND. */
  domain(domain: string, asOf?: AsOf): Promise<DomainInfo>;
  /** The guest itself is asked: it may have ended since the log's last word. DOMAIN_NOT_FOUND, GUEST_BUSY. */
  guestState(domain: string): Promise<GuestState>;
  /** By name, or topological. DOMAIN_NOT_FOUND, SNAPSHOT_NOT_FOUND (of `from`). */
  snapshots(domain: string, filter?: SnapshotFilter, asOf?: AsOf): Promise<readonly SnapshotInfo[]>;
  snapshot(domain: string, name: string, asOf?: AsOf): Promise<SnapshotInfo>;
  /** Every definition and undefinition of a domain: who had which name when. */
  names(): Promise<readonly NameChange[]>;
  /**
   * What is different about each domain, or about one by name or uuid, from one position to another; only those that
   * differ. POSITION_NOT_FOUND, DOMAIN_NOT_FOUND.
   */
  diff(from: number, to: number, domain?: string): Promise<readonly DomainDiff[]>;
  /**
   * The first event of a domain after which a condition holds, which it must at the end or at `until`.
   * INVALID_CONDITION, DOMAIN_NOT_FOUND, POSITION_NOT_FOUND.
   */
  bisect(domain: string, condition: string, until?: number): Promise<Bisection>;
  /** The last position whose time is not after this one (ISO 8601 UTC with milliseconds). POSITION_NOT_FOUND. */
  positionAt(time: string): Promise<number>;

  /**
   * Stored lines with their records, in position order, or with `reverse` from the last to the first. `from` is
   * inclusive, `to` exclusive; `domain` narrows to one domain's: by name the one that has it, or had it last.
   */
  read(range?: ReadRange): AsyncIterable<StoredRecord>;
  /** POSITION_NOT_FOUND. */
  record(position: number): Promise<StoredRecord>;
  head(): Promise<LogHead>;
  /**
   * Writes what was recorded of a domain, with its proof and two verifiers, as a new `.tar.gz`, and closes the period by
   * an event. Also for one that is not defined any more, by its uuid. DOMAIN_NOT_FOUND, FILE_EXISTS, and as `checkpoint`.
   */
  exportEvidence(
    domain: string,
    file: string,
    evidence: EvidenceRequest,
    caller: Caller,
    request?: Request,
  ): Promise<Evidence>;
  /** Proves a copy of the log: the store is held only while that is made. */
  verify(options?: { onProgress?: OnVerified; holds?: string }): Promise<Verdict>;
  /** Folds every domain twice, from its first event and from cached states, and compares what comes of it. */
  verifyReplay(): Promise<ReplayVerdict>;
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
  /** What this process does, for processes that wait for it. */
  readonly verb?: string;
  /**
   * Absolute folder that remembers the last head seen of each log; LOG_BEHIND when a store that is behind it is to be
   * written to. Keep it outside the store. Default: nothing is remembered.
   */
  readonly knownHeads?: string;
  /** Told once when the log is damaged: reads then go on with what is proven. Without it they reject with LOG_DAMAGED. */
  readonly onDamage?: (damage: Damage) => void;
  /**
   * Told once when the store's disk is full or read-only: reads then go on in a copy of the log in TMPDIR, as it was at
   * that moment, until the connection is closed. Without it they reject as what changes something does.
   */
  readonly onUnwritable?: (unwritable: Unwritable) => void;
}

/** What goes with what is done to a store as a whole. */
export interface StoreRequest {
  readonly reason?: string | null;
  readonly ticket?: string | null;
  readonly onVerified?: OnVerified;
}

/** Records proven, of how many. */
export type OnVerified = (done: number, total: number) => void;

export type { DiskInfo, OperationInfo } from "../projections/views/info.ts";
export type { DomainDiff } from "../projections/history/diff.ts";
export type { NameChange } from "../projections/names.ts";
export type {
  Damage,
  DomainInfo,
  DomainSummary,
  EventRecord,
  FilesVerdict,
  SnapshotFilter,
  SnapshotId,
  SnapshotInfo,
  Unwritable,
  Verdict,
};
export type * from "../evidence/api.ts";
export type { Caller, Request, Warning, Outcome } from "../commands/request.ts";
export type { AsOf } from "../queries/at-position.ts";
export type { ReadRange } from "../queries/records.ts";
export type { Bisection } from "../queries/bisect.ts";
export type { ReplayVerdict, ReplayDifference } from "../queries/verify-replay.ts";
