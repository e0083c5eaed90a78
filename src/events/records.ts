import type { DomainId, LayerId, SnapshotId, Target } from "./ids.ts";

/** The plain data that events, plans, facts and drivers share. Everything here is JSON. */

export type DriverName = "memory" | "qemu";
export type ImageFormat = "qcow2" | "raw";
export type Compression = "zlib" | "zstd";
export type GuestState = "running" | "paused" | "off";

/** A snapshot by id, with the name it had then. */
export interface SnapshotRef {
  readonly id: SnapshotId;
  readonly name: string;
}

export interface DomainRef {
  readonly id: DomainId;
  readonly name: string;
}

/** Device and inode as decimal strings (both can exceed 2^53): the same file by whatever path. */
export interface FileIdentity {
  readonly device: string;
  readonly inode: string;
}

/** One file as it was seen on disk. `bytes` is its length; `virtualBytes` what a guest sees; `mtimeNs` is decimal. */
export interface FileFacts extends FileIdentity {
  readonly path: string;
  readonly format: ImageFormat;
  readonly bytes: number;
  readonly virtualBytes: number;
  readonly mtimeNs: string;
}

/** An image that `define` was pointed at: the file, the files it is backed by (nearest first), and its mode bits' word on writing. */
export interface ImageFacts {
  readonly file: FileFacts;
  readonly chain: readonly FileFacts[];
  readonly writable: boolean;
}

/** A qcow2 file of ours: a head when made, a layer once frozen. */
export interface LayerFile extends FileFacts {
  readonly target: Target;
  readonly layer: LayerId;
  readonly backing: LayerId;
}

/** One disk of a domain as defined: its base image and the first head on it. */
export interface DefinedDisk {
  readonly target: Target;
  readonly base: LayerId;
  readonly image: ImageFacts;
  readonly head: LayerFile;
}

/** A device in the domain XML that is left alone, and why (`cdrom`, `floppy`, `read-only`, `snapshot='no'`). */
export interface UnmanagedDevice {
  readonly target: string;
  readonly source: string | null;
  readonly why: string;
}

/** A layer as a snapshot freezes it. `compression` is null unless the layer was compressed into a new file. */
export interface FrozenLayer extends LayerFile {
  readonly compression: Compression | null;
}

/** How a guest's processor is run: by the kernel, or emulated. */
export type Accelerator = "kvm" | "tcg";

/** What a memory was saved from: it can be loaded into the very same machine alone. */
export interface Machine {
  readonly accelerator: Accelerator;
  /** With its version, `pc-i440fx-7.2`. */
  readonly type: string;
  readonly cpu: string;
  readonly memoryMib: number;
  readonly vcpus: number;
  /** In order, `vda virtio-blk-pci`. */
  readonly devices: readonly string[];
  /** With a channel for the guest's agent; left out: without. */
  readonly guestAgent?: boolean;
}

export interface MemoryFile {
  readonly path: string;
  readonly bytes: number;
  /** Left out: it is not compressed. */
  readonly compression?: Compression;
  /** Left out by drivers whose memories can be loaded anywhere. */
  readonly machine?: Machine;
}

/** What kind of point in time a snapshot is. `off`: guest stopped. `disk-snapshot`: taken of a running guest's disks alone. */
export type SnapshotState = "running" | "paused" | "off" | "disk-snapshot";

/** Everything that an event says of a snapshot that comes into being. */
export interface NewSnapshot extends SnapshotRef {
  readonly description: string;
  readonly parent: SnapshotRef | null;
  readonly state: SnapshotState;
  /** Taken without being asked for, to keep a dirty head: `autosave-…`. */
  readonly automatic: boolean;
  readonly layers: readonly FrozenLayer[];
  readonly memory: MemoryFile | null;
}

/** One thing that a verb touches, for the sets that are shown before and recorded after. `bytes`: what it holds on its own. */
export type Affected =
  | { readonly kind: "snapshot"; readonly snapshot: SnapshotRef; readonly automatic: boolean; readonly bytes: number }
  | { readonly kind: "memory"; readonly snapshot: SnapshotRef; readonly bytes: number }
  | { readonly kind: "content"; readonly snapshot: SnapshotRef; readonly bytes: number }
  | { readonly kind: "base"; readonly target: Target; readonly path: string; readonly bytes: number }
  | { readonly kind: "heads"; readonly on: SnapshotRef | null; readonly dirty: boolean; readonly bytes: number };

/**
 * What a verb does to what is there. *Rewritten*: keeps its name, gets other content. *Orphaned*: would lose what it
 * stands on. *Re-parented*: keeps its content, hangs elsewhere. *Destroyed*: content or memory that is gone for good.
 */
export interface Sets {
  readonly rewritten: readonly Affected[];
  readonly orphaned: readonly Affected[];
  readonly reparented: readonly Affected[];
  readonly destroyed: readonly Affected[];
}

const none: readonly never[] = Object.freeze([]);

/** Handed out with many outcomes: it can't be changed. */
export const noSets: Sets = Object.freeze({ rewritten: none, orphaned: none, reparented: none, destroyed: none });
