import type { DomainId, Target } from "./ids.ts";
import type { Accelerator, DriverName, ImageFormat, UnmanagedDevice } from "./records.ts";

/** Commands are data, in the imperative. They name domains and snapshots as the user did; rules turn names into ids. */

export interface DiskDefinition {
  readonly target: Target;
  /** Absolute path of the base image. */
  readonly path: string;
  readonly format: ImageFormat;
}

export interface DefineDomain {
  readonly type: "DefineDomain";
  readonly uuid: DomainId;
  readonly name: string;
  readonly driver: DriverName;
  readonly memoryMib: number | null;
  readonly vcpus: number | null;
  /** Left out: kvm where it can be used, else tcg. */
  readonly accelerator?: Accelerator;
  /** The guest runs an agent, which is given a channel to be talked to through. Left out: it does not. */
  readonly guestAgent?: boolean;
  readonly disks: readonly DiskDefinition[];
  readonly unmanaged: readonly UnmanagedDevice[];
  /** Absolute folder that gets a subfolder named after the domain's uuid; null for the store's own. */
  readonly layersFolder: string | null;
  /** SHA-256 (hex) of the domain XML this came from. The XML itself is never stored: it may hold passwords. */
  readonly xmlSha256: string | null;
}

export interface UndefineDomain {
  readonly type: "UndefineDomain";
  readonly domain: string;
  /** What happens to snapshots, dirty heads and files; `refuse` when there is anything to lose. */
  readonly keep: "refuse" | "discard-all" | "keep-files";
}

export interface CreateSnapshot {
  readonly type: "CreateSnapshot";
  readonly domain: string;
  /** null: a name is made up from the time. */
  readonly name: string | null;
  readonly description: string;
  /** A method as it was named; the rules refuse one that the driver cannot do. null: none. */
  readonly compression: string | null;
  /** Without a method named: by the one that fits, zstd for a running guest's memory and zlib for the disks of one that is off. */
  readonly compress?: boolean;
  readonly offline: boolean;
  readonly diskOnly: boolean;
  /** Have the guest's agent settle its file systems first. */
  readonly quiesce?: boolean;
}

export interface CreateWithSnapshot {
  readonly type: "CreateWithSnapshot";
  readonly domain: string;
  readonly snapshot: string;
  readonly start: boolean;
  /** Do not let the guest run yet; left out, it runs if it ran when the snapshot was taken. */
  readonly paused?: boolean;
  readonly discardChanges: boolean;
}

interface Deactivation {
  readonly domain: string;
  readonly snapshot: string;
  readonly discardChanges: boolean;
}
export interface DeactivateSnapshot extends Deactivation {
  readonly type: "DeactivateSnapshot";
}
export interface MergeSnapshot extends Deactivation {
  readonly type: "MergeSnapshot";
  readonly force: boolean;
}
export interface DiscardSnapshot extends Deactivation {
  readonly type: "DiscardSnapshot";
  readonly force: boolean;
}

export interface CompactDomain {
  readonly type: "CompactDomain";
  readonly domain: string;
}
export interface RecoverDomain {
  readonly type: "RecoverDomain";
  readonly domain: string;
}
export interface StartDomain {
  readonly type: "StartDomain";
  readonly domain: string;
  readonly paused: boolean;
}
export interface DestroyDomain {
  readonly type: "DestroyDomain";
  readonly domain: string;
}
/** Asks the guest to shut itself down, and waits for it. */
export interface ShutdownDomain {
  readonly type: "ShutdownDomain";
  readonly domain: string;
  /** How long to wait; the guest may still shut down after it. */
  readonly timeoutMs: number;
}
export interface SuspendDomain {
  readonly type: "SuspendDomain";
  readonly domain: string;
}
export interface ResumeDomain {
  readonly type: "ResumeDomain";
  readonly domain: string;
}

export type Command =
  | DefineDomain
  | UndefineDomain
  | CreateSnapshot
  | CreateWithSnapshot
  | DeactivateSnapshot
  | MergeSnapshot
  | DiscardSnapshot
  | CompactDomain
  | RecoverDomain
  | StartDomain
  | DestroyDomain
  | ShutdownDomain
  | SuspendDomain
  | ResumeDomain;

/** The RFC's flags of virDomainSnapshotDeactivate; more than one at a time is INVALID_FLAGS. */
export const DeactivateFlags = { NONE: 0, MERGE: 1, MERGE_FORCE: 2, DISCARD: 4, DISCARD_FORCE: 8 } as const;
/** Flags of virDomainSnapshotCreateXML. OFFLINE allows a stopped domain; DISK_ONLY leaves memory out. */
export const CreateFlags = { NONE: 0, OFFLINE: 1, DISK_ONLY: 2 } as const;
