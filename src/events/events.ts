import type { ErrorCode } from "../errors.ts";
import type { Command } from "./command.ts";
import type { CommandId, DomainId, EventId, LayerId, OperationId, SnapshotId, Target } from "./ids.ts";
import type { Plan } from "./plan.ts";
import type {
  Accelerator,
  Affected,
  DefinedDisk,
  DriverName,
  FileFacts,
  LayerFile,
  NewSnapshot,
  SnapshotRef,
  Sets,
  UnmanagedDevice,
} from "./records.ts";

/** What happened, in the past tense. `type` names it, `schema` its version; both only ever grow. */
export interface Event<Type extends string, Data> {
  readonly type: Type;
  readonly schema: 1;
  readonly data: Data;
}

/** Position 1 of every log. */
export type LogCreated = Event<"LogCreated", { readonly logId: string; readonly format: 1 }>;

/** Positions, both ends included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * A store was rebuilt from a damaged one, whose longest proven prefix comes before this. `lost`: positions of which no
 * sound record was found. `loose`: those whose records are sound, but stood after a gap.
 */
export type LogSalvaged = Event<
  "LogSalvaged",
  { readonly from: string; readonly lost: readonly Range[]; readonly loose: readonly Range[] }
>;

/**
 * An old copy of this log was put in its place, and a user goes on from there. `known`: the last record that was
 * seen before. `found`: where the copy ended.
 */
export type LogRolledBack = Event<"LogRolledBack", { readonly known: LogEnd; readonly found: LogEnd }>;

/** This log was made from a backup that was taken at `time` and ended at `found`. */
export type LogRestored = Event<"LogRestored", { readonly found: LogEnd; readonly time: string }>;

export interface LogEnd {
  readonly position: number;
  readonly hash: string;
}

export type DomainDefined = Event<
  "DomainDefined",
  {
    readonly name: string;
    readonly driver: DriverName;
    readonly memoryMib: number | null;
    readonly vcpus: number | null;
    /** Left out: kvm where it can be used, else tcg. */
    readonly accelerator?: Accelerator;
    /** Left out: its guest has none. */
    readonly guestAgent?: boolean;
    readonly layersFolder: string;
    readonly disks: readonly DefinedDisk[];
    readonly unmanaged: readonly UnmanagedDevice[];
    readonly xmlSha256: string | null;
  }
>;

/** The domain is gone from the lists. `kept`: files left on disk, which count as users of their base images while there. */
export type DomainUndefined = Event<
  "DomainUndefined",
  {
    readonly name: string;
    readonly discarded: readonly SnapshotRef[];
    readonly destroyed: readonly Affected[];
    readonly kept: readonly string[];
  }
>;

export type DomainStarted = Event<
  "DomainStarted",
  {
    readonly from: SnapshotRef | null;
    readonly state: "running" | "paused";
    readonly memoryLoaded: boolean;
    /** The guest was found running: the manager that started it died before saying so. */
    readonly observed?: true;
  }
>;

export type DomainStopped = Event<"DomainStopped", { readonly cause: "destroyed" | "shutdown" | "observed" }>;

/** The guest's processors stand still; its memory and devices stay. `observed`: found so. */
export type DomainSuspended = Event<"DomainSuspended", { readonly cause: "asked" | "observed" }>;

export type DomainResumed = Event<"DomainResumed", { readonly cause: "asked" | "observed" }>;

/** The old heads are the snapshot's layers (or were compressed into them); `heads` are fresh overlays on those. */
export type SnapshotCreated = Event<
  "SnapshotCreated",
  {
    readonly snapshot: NewSnapshot;
    readonly heads: readonly LayerFile[];
    /** The guest's agent had settled its file systems. Left out: nobody had. */
    readonly quiesced?: boolean;
  }
>;

/** Fresh heads on a snapshot's layers, and `current` with them. A dirty head becomes `autosave` in this very event. */
export type HeadsMoved = Event<
  "HeadsMoved",
  {
    readonly to: SnapshotRef;
    readonly heads: readonly LayerFile[];
    readonly autosave: NewSnapshot | null;
    readonly destroyed: readonly Affected[];
  }
>;

/** Where heads went: null when they stayed. */
export interface MovedHeads {
  readonly heads: readonly LayerFile[];
  readonly current: SnapshotRef | null;
}

export type SnapshotDeactivated = Event<
  "SnapshotDeactivated",
  {
    readonly snapshot: SnapshotRef;
    readonly moved: MovedHeads | null;
    readonly autosave: NewSnapshot | null;
    readonly destroyed: readonly Affected[];
  }
>;

/**
 * `into` (null: the base images) now has the snapshot's content, memory and state; the snapshot's name is gone.
 * `children` are the snapshots that stood on it; `discarded` went with force, the snapshot itself not among them.
 */
export type SnapshotMerged = Event<
  "SnapshotMerged",
  {
    readonly snapshot: SnapshotRef;
    readonly into: SnapshotRef | null;
    readonly sets: Sets;
    readonly children: readonly SnapshotRef[];
    readonly discarded: readonly SnapshotRef[];
    readonly moved: MovedHeads | null;
    readonly current: SnapshotRef | null;
  }
>;

/** `discarded` names every snapshot that went, the one asked for first. */
export type SnapshotDiscarded = Event<
  "SnapshotDiscarded",
  {
    readonly snapshot: SnapshotRef;
    readonly discarded: readonly SnapshotRef[];
    readonly sets: Sets;
    readonly moved: MovedHeads | null;
  }
>;

/**
 * A fold is about to write for the first time. Until its `LayersCompacted` these files may differ from what the log says
 * of them, and no others: `into` takes the content of `from`, and `repoint` are the layers and heads that `from` backs.
 */
export type FoldStarted = Event<
  "FoldStarted",
  {
    readonly target: Target;
    readonly from: LayerId;
    readonly into: LayerId;
    readonly repoint: readonly LayerId[];
  }
>;

/**
 * One fold: layer `into` has taken the content of `from`, whose dependents are now backed by `into`; who referred to
 * `from` refers to `into`. The file of `into` gets generation + 1 and is described by `file`.
 */
export type LayersCompacted = Event<
  "LayersCompacted",
  {
    readonly target: Target;
    readonly from: LayerId;
    readonly into: LayerId;
    readonly generation: number;
    readonly file: FileFacts;
    /** Layers and heads that were backed by `from`, as they are since. */
    readonly repointed: readonly { readonly layer: LayerId; readonly file: FileFacts }[];
    /** Snapshots whose layer on this disk was `from`. */
    readonly snapshots: readonly SnapshotId[];
  }
>;

/** Files that nothing referred to any more were unlinked. `layer` is null for a memory file. */
export type LayersRemoved = Event<
  "LayersRemoved",
  { readonly files: readonly { readonly layer: LayerId | null; readonly path: string; readonly bytes: number }[] }
>;

/** The driver is about to run. If nothing follows, the process died half-way and `recover` decides by evidence. */
export type OperationStarted = Event<
  "OperationStarted",
  {
    readonly command: Command;
    readonly facts: RecordedFacts;
    /** The ids the rule was handed, in order: with them and the facts it decides the same again. */
    readonly ids: readonly string[];
    readonly plan: Plan;
  }
>;

/** The operation ended without its outcome. `undone`: files that were made for it and taken away again. */
export type OperationFailed = Event<
  "OperationFailed",
  {
    readonly command: Command["type"];
    readonly code: ErrorCode;
    readonly message: string;
    readonly undone: readonly string[];
    /** true: found dead by a later command or `recover`; false: reported by the process that ran it. */
    readonly found: boolean;
  }
>;

/** A refusal is evidence: what was asked, which rule said no, on which facts, and what would have passed. */
export type CommandRejected = Event<
  "CommandRejected",
  {
    readonly command: Command;
    readonly facts: RecordedFacts;
    readonly code: ErrorCode;
    readonly message: string;
    readonly errorFacts: Readonly<Record<string, unknown>>;
    readonly hint: string | null;
  }
>;

/**
 * The domain's records of these revisions, both ends included, were handed out as evidence. This event closes them: by
 * its own revision nothing can be missing in between. `since` and `until` are ISO 8601 UTC with milliseconds.
 */
export type EvidenceExported = Event<
  "EvidenceExported",
  {
    /** The domain's name then. */
    readonly name: string;
    readonly since: string | null;
    readonly until: string | null;
    /** The last record before `since` where there is one, so that none can be missing after it. */
    readonly firstRevision: number;
    /** The first record from `until` on where there is one. */
    readonly lastRevision: number;
  }
>;

/** What the rules saw, as plain JSON, so that a decision can be made again from the log alone. */
export type RecordedFacts = Readonly<Record<string, unknown>>;

export type LogEvent = LogCreated | LogSalvaged | LogRolledBack | LogRestored;
export type DomainEvent =
  | DomainDefined
  | DomainUndefined
  | DomainStarted
  | DomainStopped
  | DomainSuspended
  | DomainResumed
  | SnapshotCreated
  | HeadsMoved
  | SnapshotDeactivated
  | SnapshotMerged
  | SnapshotDiscarded
  | FoldStarted
  | LayersCompacted
  | LayersRemoved
  | OperationStarted
  | OperationFailed
  | CommandRejected
  | EvidenceExported;
export type AnyEvent = LogEvent | DomainEvent;
export type EventType = AnyEvent["type"];

/** Who did it, and how that is known. */
export interface Actor {
  readonly user: string;
  readonly uid: number | null;
  /** From the kernel's audit login id: survives su and sudo. null where there is none. */
  readonly loginUid: number | null;
  /** SUDO_USER as the environment claimed it. */
  readonly sudoUser: string | null;
  readonly host: string;
  /** The face it came through: `cli`, `library`. */
  readonly via: string;
  /** What `user` rests on: `process` (the kernel's uid), `claimed`. */
  readonly knownBy: string;
}

/** What is asked to be appended; the log adds position, id, revision, time and hashes. */
export interface Envelope {
  /** null: an event of the log's own. */
  readonly domain: DomainId | null;
  readonly actor: Actor;
  readonly reason: string | null;
  readonly ticket: string | null;
  readonly operation: OperationId | null;
  readonly commandId: CommandId | null;
}
export type NewEvent = Envelope & AnyEvent;

/** A sealed event as it is read back. Field order here is the order in the stored line. */
export type EventRecord = {
  /** 1, 2, 3 … in the whole log. */
  readonly position: number;
  readonly id: EventId;
  readonly domain: DomainId | null;
  /** 1, 2, 3 … among the domain's events; null with `domain`. */
  readonly revision: number | null;
  /** ISO 8601 UTC with milliseconds; never behind the record before it. */
  readonly time: string;
  /** What the clock said, when that was behind the record before it. */
  readonly clock?: string;
  readonly previousHash: string;
  readonly hash: string;
} & Envelope &
  AnyEvent;

/** A record of one type. */
export type RecordOf<Type extends EventType> = Extract<EventRecord, { type: Type }>;
