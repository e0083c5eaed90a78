import type { LayerId, Target } from "./ids.ts";
import type { Compression, ImageFormat, Sets } from "./records.ts";

/** A file to be backed by; `format` is always stated to the tools. */
export interface Backing {
  readonly path: string;
  readonly format: ImageFormat;
}

/** Makes an empty qcow2 overlay named after its layer id. Nothing refers to it until the outcome is in the log. */
export interface MakeOverlay {
  readonly step: "overlay";
  readonly target: Target;
  readonly layer: LayerId;
  readonly path: string;
  readonly backing: Backing;
  readonly backingLayer: LayerId;
  readonly virtualBytes: number;
}

/** Copies one layer, compressed, into a new file with the same immediate backing. */
export interface CompressLayer {
  readonly step: "compress";
  readonly target: Target;
  readonly layer: LayerId;
  readonly path: string;
  readonly source: string;
  readonly backing: Backing;
  readonly backingLayer: LayerId;
  readonly method: Compression;
}

/** Moves a running guest onto the overlays made before, at one instant, saving its memory there if `memoryPath` is set. */
export interface FreezeGuest {
  readonly step: "freeze";
  readonly overlays: readonly { readonly target: Target; readonly path: string; readonly from: string }[];
  readonly memoryPath: string | null;
  /** Left out: the memory is saved as it is. */
  readonly memoryCompression?: Compression;
  /** The guest's agent freezes its file systems before, and thaws them after. Left out: it is not asked. */
  readonly quiesce?: boolean;
}

export type Step = MakeOverlay | CompressLayer | FreezeGuest;

/** What a command will do: the files made before its event, and what the event will say it did. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Heads that are repaired before they are frozen: their last user was stopped half-way. Left out: none. */
  readonly repairs?: readonly { readonly target: Target; readonly path: string }[];
  readonly sets: Sets;
  /** Files that nothing will refer to once the event is there; they are unlinked after it. */
  readonly removes: readonly string[];
  /** Folds that follow the event, bottom first: B's content into A, then B is unlinked. */
  readonly folds: readonly { readonly target: Target; readonly from: string; readonly into: string }[];
  /** Bytes that have to be free where the layers are before this starts. */
  readonly spaceBytes: number;
}
