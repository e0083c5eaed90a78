import type { Command } from "../events/command.ts";
import type { Actor } from "../events/events.ts";
import type { DomainId, LayerId, OperationId, SnapshotId, Target } from "../events/ids.ts";
import type { Plan } from "../events/plan.ts";
import type {
  Accelerator,
  Compression,
  DriverName,
  FileFacts,
  GuestState,
  MemoryFile,
  SnapshotState,
  UnmanagedDevice,
} from "../events/records.ts";

/** One file in a domain's layer graph: a base image, a layer or a head, until it is removed. */
export interface Layer {
  id: LayerId;
  target: Target;
  /** The file as last logged. */
  file: FileFacts;
  /** null for a base image. */
  backing: LayerId | null;
  /** How often a fold has rewritten this file. */
  generation: number;
  compression: Compression | null;
}

export interface Snapshot {
  id: SnapshotId;
  name: string;
  description: string;
  parent: SnapshotId | null;
  state: SnapshotState;
  active: boolean;
  automatic: boolean;
  /** One layer per disk. */
  layers: Record<Target, LayerId>;
  memory: MemoryFile | null;
  /** ISO 8601 UTC: the instant its content is from. */
  createdAt: string;
  /** Where in the log its content comes from. */
  position: number;
  actor: Actor;
  reason: string | null;
}

/** A fold that has written, or may have: its files may differ from what the log says. */
export interface BegunFold {
  from: LayerId;
  into: LayerId;
  /** Layers and heads that `from` backed then. */
  repoint: readonly LayerId[];
}

export interface OpenOperation {
  id: OperationId;
  command: Command;
  plan: Plan;
  /** Where its OperationStarted is. */
  position: number;
  since: string;
  actor: Actor;
}

/** Everything that is true of one domain at one position: the fold of its events. */
export interface DomainState {
  id: DomainId;
  name: string;
  /** false before DomainDefined and after DomainUndefined. */
  defined: boolean;
  driver: DriverName;
  memoryMib: number | null;
  vcpus: number | null;
  accelerator: Accelerator | null;
  guestAgent: boolean;
  layersFolder: string;
  unmanaged: readonly UnmanagedDevice[];
  guest: GuestState;
  /** In the order they were defined. */
  disks: Target[];
  /** The base image of each disk, as a layer without backing. */
  bases: Record<Target, LayerId>;
  /** Per disk, the layer whose content the base image must have: the base itself, but while a merge into it is unfolded. */
  baseRoles: Record<Target, LayerId>;
  /** Where in the log each base image last got all that it was to get. */
  baseFolds: Record<Target, number>;
  /** Files below each base image, for counting a base's users. */
  baseChains: Record<Target, readonly FileFacts[]>;
  heads: Record<Target, LayerId>;
  /** Per disk, the fold that began last; null once it has ended. It may also have come to nothing since. */
  begunFolds: Record<Target, BegunFold | null>;
  /** A fold here has an event of its own first. In older logs a fold that waits may have begun without a word. */
  announcesFolds: boolean;
  /** Every file that exists by the log, garbage not yet removed among them. */
  layers: Map<LayerId, Layer>;
  snapshots: Map<SnapshotId, Snapshot>;
  /** Children of each snapshot; the roots are under null. */
  children: Map<SnapshotId | null, Set<SnapshotId>>;
  byName: Map<string, SnapshotId>;
  current: SnapshotId | null;
  /** Memory files that no snapshot refers to any more and that are not yet removed. */
  looseMemories: MemoryFile[];
  /** Files that undefine left on disk. */
  kept: string[];
  operation: OpenOperation | null;
  /** The last event folded in: its revision, its position in the log and its hash. */
  revision: number;
  position: number;
  hash: string;
}

export function emptyState(id: DomainId): DomainState {
  return {
    id,
    name: "",
    defined: false,
    driver: "memory",
    memoryMib: null,
    vcpus: null,
    accelerator: null,
    guestAgent: false,
    layersFolder: "",
    unmanaged: [],
    guest: "off",
    disks: [],
    bases: {},
    baseRoles: {},
    baseFolds: {},
    baseChains: {},
    heads: {},
    begunFolds: {},
    announcesFolds: false,
    layers: new Map(),
    snapshots: new Map(),
    children: new Map(),
    byName: new Map(),
    current: null,
    looseMemories: [],
    kept: [],
    operation: null,
    revision: 0,
    position: 0,
    hash: "",
  };
}
