import type { DomainId, Target } from "../events/ids.ts";
import type { Backing, CompressLayer, FreezeGuest, MakeOverlay } from "../events/plan.ts";
import type {
  Accelerator,
  Compression,
  DriverName,
  FileFacts,
  FileIdentity,
  GuestState,
  ImageFacts,
  ImageFormat,
  MemoryFile,
} from "../events/records.ts";

/**
 * How it is done: the contract between the rules' plans and files and guests. The comments here are the
 * specification; test/suites/driver.ts checks every driver against them.
 *
 * Every step is idempotent: run again with the same arguments, also after having been killed half-way, it ends as if
 * it had run once. A step that resolves has made its effect durable (file and folder synced). A step that rejects has
 * left no file behind that was not there before, and no named content changed. No step ever goes past another
 * process's image lock: it rejects with IMAGE_LOCKED, whose facts hold `path`. Other rejections: DISK_FULL,
 * FILE_NOT_FOUND, UNSUPPORTED, and DRIVER_FAILED with the tool's own words.
 */
export interface Driver {
  readonly name: DriverName;
  readonly supports: Supports;

  /** Lets a driver whose files and guests live in RAM rebuild what the log says exists. Real drivers do nothing. */
  adopt(domain: AdoptedDomain): Promise<void>;

  // Looking. Nothing here changes anything.

  /**
   * The image at `path` and its whole backing chain. The header is read by our own reader before any tool opens the
   * file. Rejects with FILE_NOT_FOUND, or IMAGE_INVALID when it is not of `format`, is cut short, has a backing or
   * data file that is not a plain absolute path with a stated format (no `json:`, no protocol, no device), has a chain
   * that loops or is missing a file, or is raw and not a multiple of 512 bytes.
   */
  inspectImage(path: string, format: ImageFormat): Promise<ImageFacts>;
  /** undefined when there is no such file. */
  identify(path: string): Promise<FileIdentity | undefined>;
  /** The file and the link in its header; undefined when there is no such file. Rejects with IMAGE_INVALID. */
  observe(file: Backing): Promise<ObservedFile | undefined>;
  /** Resolves when no other process holds the file for writing; else rejects with IMAGE_LOCKED. */
  probeLock(file: Backing): Promise<void>;
  /**
   * Why nothing may be written to the image as it is: it is marked as left half-way by its last user (`dirty`), or its
   * tables have errors. null: nothing is wrong, as for every raw file; leaks are no fault. Its backing files are not
   * looked at. Rejects with IMAGE_LOCKED, with INTERRUPTED, and with IMAGE_INVALID for one that cannot be checked.
   */
  imageFault(file: Backing, watch?: StepOptions, how?: FaultOptions): Promise<ImageFault | null>;
  /**
   * What a commit of `from` into `into` left out: a sentence, or null when whatever `from` holds of its disk `into` holds
   * as well, by tables and bytes of both; of what is compressed, by the tables alone. A tool that exits 0 is not believed.
   */
  leftOut(step: { readonly from: Backing; readonly into: Backing }): Promise<string | null>;
  /** Free bytes where `folder` is, for this user. */
  freeBytes(folder: string): Promise<number>;
  /** Resolves when `prepareFolder` will do, as far as looking can tell; else rejects as that. */
  checkFolder(folder: string): Promise<void>;
  /** Absolute paths of the files that lie in `folder` itself, in order; none when there is no such folder. */
  filesIn(folder: string): Promise<readonly string[]>;

  // Making, before the event.

  /** Makes the folder (0700) if it is missing; LAYERS_UNSAFE when others may write to it, or it is not a folder. */
  prepareFolder(folder: string): Promise<void>;
  makeOverlay(step: MakeOverlay, watch?: StepOptions): Promise<FileFacts>;
  /** Copies the top layer alone. `method` is one that `supports` lists. */
  compressLayer(step: CompressLayer, watch?: StepOptions): Promise<FileFacts>;

  /** Repairs a head that nobody has open, marked `dirty` as it is; what it reads as stays. Resolves with what it is then. */
  repairImage(file: Backing, watch?: StepOptions): Promise<FileFacts>;

  // Folding, after the event. `into` takes the content of `from`, whose own dependents are re-pointed by the caller.

  /**
   * Writes what `from` holds over `into` (always named to the tool), growing `into` if it is smaller. `from` reads as it
   * did throughout, and stays. So before `into` grows, whatever it would show past its old end (the rest of its own last
   * cluster, or what the file that backs it holds) is written into `from` as the zeros that `from` reads as there.
   */
  commit(step: CommitStep, watch?: StepOptions): Promise<void>;
  /**
   * Cuts a qcow2 file's virtual size down to `virtualBytes`; does nothing when it is that or smaller. The rest of the last
   * cluster is zeroed first: when the file is made larger again it shows zeros.
   */
  shrink(file: Backing, virtualBytes: number, watch?: StepOptions): Promise<void>;
  /** Changes which file the header of qcow2 `file` names, without touching content. */
  repoint(file: Backing, backing: Backing, watch?: StepOptions): Promise<void>;
  /** Frees clusters that a killed writer left; does nothing to raw files. */
  repairLeaks(file: Backing, watch?: StepOptions): Promise<void>;
  /** Unlinks a file and syncs its folder; no error when it is gone already. */
  remove(path: string): Promise<void>;

  // Guests. A driver without `supports.guests` rejects with UNSUPPORTED, except that guestState is "off".

  guestState(domain: DomainId): Promise<GuestState>;
  /** The head files that a running guest writes to, one per disk; none when it is off. */
  guestHeads(domain: DomainId): Promise<readonly string[]>;
  /** Those of its heads that a running guest has written to since they were opened, by its own count. */
  guestWrites(domain: DomainId): Promise<readonly string[]>;
  /** What guests can be here, to tell before a start whether a memory can be loaded; null when any memory can. */
  machines(): Promise<Machines | null>;
  /**
   * What is wrong with a saved memory, as far as it can be told without loading it: a compressed one is read to its
   * end. null: nothing.
   */
  memoryFault(memory: MemoryFile): Promise<string | null>;
  /**
   * Boots the guest on these heads, or resumes it from `memory`, in the machine that was saved with it. The guest
   * outlives this process. Rejects with IMAGE_LOCKED, and DRIVER_FAILED in the words of what gave up; then it is off.
   */
  start(guest: StartGuest): Promise<void>;
  /** Ends it at once; no error when it is off. */
  stop(domain: DomainId): Promise<void>;
  /** Asks the guest to end; GUEST_BUSY when it still runs after `timeoutMs`, or at the signal. It may still end. */
  shutdown(domain: DomainId, timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** Both reject with GUEST_GONE when it is off. */
  suspend(domain: DomainId): Promise<void>;
  resume(domain: DomainId): Promise<void>;
  /**
   * Moves a running guest onto overlays that `makeOverlay` made, all disks and its memory at one instant; resolves
   * with its memory, compressed as the step says by a method that `supports` lists. With `quiesce` the guest's agent
   * has frozen its file systems meanwhile; DRIVER_FAILED when it does not answer or refuses. When it rejects, the
   * guest goes on as before on the files it had, its file systems thawed.
   */
  freeze(domain: DomainId, step: FreezeGuest, watch?: StepOptions): Promise<MemoryFile | null>;
  /**
   * Settles a freeze whose manager died, by evidence: what a living guest writes to, else whether any overlay was
   * written to. Resolves with the memory when the guest was moved; with undefined when it was not, and its overlays
   * are let go of. A living guest that `was` running before goes on running, its file systems thawed.
   */
  settleFreeze(domain: DomainId, step: FreezeGuest, was: GuestState): Promise<MemoryFile | null | undefined>;
  /** Thaws what `freeze` had the agent freeze; nothing when nothing is frozen. DRIVER_FAILED when it is not done. */
  thaw(domain: DomainId): Promise<void>;
  /**
   * `commit` for two files in a running guest's chain, and what read through `from` reads through `into` when it
   * resolves. Takes up one that an earlier manager began. A guest that ends meanwhile: GUEST_GONE. Only what
   * `canCommitLive` allows.
   */
  commitLive(domain: DomainId, step: CommitStep, watch?: StepOptions): Promise<void>;
  /** Whether a manager before this one has the guest's QEMU do it: then nothing is to be looked at before. */
  isCommitting(domain: DomainId, from: Backing): Promise<boolean>;
  /** false where `commit` would write zeros into `from` first: QEMU, which has it open, lets nobody do that. */
  canCommitLive(step: CommitStep): Promise<boolean>;
}

export interface CommitStep {
  readonly from: Backing;
  readonly into: Backing;
  /** Where the disk in `into` ended before the fold began, in bytes: a fold that was cut short may have made it larger. */
  readonly end: number;
}

export interface FaultOptions {
  /** A file that this driver found sound and that has not changed since is not read again, nor asked for a lock. */
  readonly unlessKnownSound?: boolean;
}

export interface ImageFault {
  readonly dirty: boolean;
  /** What goes after `The image "…"`. */
  readonly why: string;
}

export interface StartGuest {
  readonly domain: DomainId;
  /** In the order of the domain's disks. */
  readonly heads: readonly { readonly target: Target; readonly path: string }[];
  readonly memory: MemoryFile | null;
  readonly paused: boolean;
  /** As the domain is defined; null: the driver's choice. */
  readonly machine: MachineDefinition;
}

export interface MachineDefinition {
  readonly memoryMib: number | null;
  readonly vcpus: number | null;
  readonly accelerator: Accelerator | null;
  /** Left out: no channel for one. */
  readonly guestAgent?: boolean;
}

export interface Machines {
  readonly accelerators: readonly Accelerator[];
  /** Machine types by name. */
  readonly types: readonly string[];
}

export interface Supports {
  /** Can run guests at all. */
  readonly guests: boolean;
  /** Can save and load a guest's memory. */
  readonly memory: boolean;
  /** Methods for the layers of a guest that is off. */
  readonly compression: readonly Compression[];
  /** Methods for the memory of one that runs; left out: none. */
  readonly memoryCompression?: readonly Compression[];
}

/** `done` of `total`, in the tool's own unit; `total` is 100 for percentages. */
export interface Progress {
  readonly step: string;
  readonly path: string;
  readonly done: number;
  readonly total: number;
}

export interface StepOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Aborting ends the tool; what it did so far is kept for a later run. The step rejects with INTERRUPTED. */
  readonly signal?: AbortSignal;
  /**
   * Called with the pid of each program that is spawned to change a file, so that a later manager can know it by pid
   * and start time, and waits for it: a link written late would point to a file that is gone by then.
   */
  readonly onChild?: (pid: number) => void;
}

export interface ObservedFile {
  readonly facts: FileFacts;
  /** The backing file its header names; null for none and for raw files. */
  readonly backing: string | null;
  /** The format that its header states for that; null for none. */
  readonly backingFormat: string | null;
  /** The mode bits allow its owner to write. */
  readonly writable: boolean;
}

/** What the log says of a domain's files and guest, for `adopt`. `bytes` and `virtualBytes` as last logged. */
export interface AdoptedDomain {
  readonly id: DomainId;
  readonly guest: GuestState;
  readonly files: readonly { readonly facts: FileFacts; readonly backing: string | null; readonly writable: boolean }[];
  readonly memories: readonly MemoryFile[];
  readonly heads: readonly string[];
}
