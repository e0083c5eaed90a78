import type { Command } from "../../events/command.ts";
import type { DomainId, LayerId, OperationId, Target } from "../../events/ids.ts";
import type {
  Compression,
  DomainRef,
  DriverName,
  FileFacts,
  GuestState,
  SnapshotRef,
  SnapshotState,
  UnmanagedDevice,
} from "../../events/records.ts";

/** What the views tell of a domain: plain JSON, the same words for every face. */

export interface DiskInfo {
  readonly target: Target;
  readonly base: FileFacts;
  readonly head: FileFacts;
  /** Layers between the head and the base image. */
  readonly depth: number;
}

export interface OperationInfo {
  readonly id: OperationId;
  readonly command: Command["type"];
  readonly since: string;
  readonly position: number;
  readonly user: string;
}

/** What a list of domains shows of each. */
export interface DomainSummary {
  readonly id: DomainId;
  readonly name: string;
  readonly state: GuestState;
  /** An operation whose outcome is not in the log: running, or dead. */
  readonly operation: OperationInfo | null;
}

export interface DomainInfo extends DomainSummary {
  readonly driver: DriverName;
  readonly memoryMib: number | null;
  readonly vcpus: number | null;
  readonly guestAgent: boolean;
  readonly layersFolder: string;
  readonly disks: readonly DiskInfo[];
  readonly unmanaged: readonly UnmanagedDevice[];
  readonly current: SnapshotRef | null;
  readonly snapshots: number;
  /** Folds still to do, as layer files whose content nothing refers to any more. */
  readonly foldsPending: number;
  /** Files that nothing refers to and that are still there. */
  readonly garbage: number;
  readonly revision: number;
  readonly position: number;
}

export interface SnapshotInfo extends SnapshotRef {
  readonly domain: DomainRef;
  readonly description: string;
  readonly parent: SnapshotRef | null;
  readonly children: number;
  readonly descendants: number;
  readonly current: boolean;
  readonly state: SnapshotState;
  /** false: marked by deactivate. */
  readonly active: boolean;
  readonly automatic: boolean;
  /** ISO 8601 UTC. */
  readonly creationTime: string;
  /** Absolute path of the layer file of each disk. */
  readonly layers: Readonly<Record<Target, string>>;
  readonly layerIds: Readonly<Record<Target, LayerId>>;
  /** Of the memory, where it has one; else of the layers. */
  readonly compression: Compression | null;
  readonly memory: string | null;
  /** Bytes of its own layers and memory, not of what they are backed by. */
  readonly bytes: number;
  readonly position: number;
  readonly user: string;
  readonly reason: string | null;
}

/** As virsh's snapshot-list: flags of one kind are alternatives, of different kinds must all hold. */
export interface SnapshotFilter {
  readonly roots?: boolean;
  readonly leaves?: boolean;
  readonly noLeaves?: boolean;
  /** Only children of this snapshot, or with `descendants` all below it. */
  readonly from?: string;
  readonly descendants?: boolean;
  /** By state at creation. */
  readonly states?: readonly SnapshotState[];
  /** Only those marked by deactivate. */
  readonly deactivated?: boolean;
  /** Parents before children; otherwise by name. */
  readonly topological?: boolean;
}
