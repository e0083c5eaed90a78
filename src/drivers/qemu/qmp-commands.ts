/** The part of QEMU's control protocol that is used here, as its QAPI schema has it: arguments in, result out. */
export interface QmpCommands {
  qmp_capabilities: Takes<{ enable?: readonly string[] }, object>;
  "query-status": Takes<object, { readonly status: RunState; readonly running: boolean }>;
  "query-block": Takes<object, readonly BlockDevice[]>;
  "query-named-block-nodes": Takes<{ flat: boolean }, readonly BlockNode[]>;
  "query-blockstats": Takes<object, readonly BlockStats[]>;
  "query-jobs": Takes<object, readonly Job[]>;
  "query-migrate": Takes<object, { readonly status?: string; readonly "error-desc"?: string; readonly ram?: Ram }>;
  "qom-get": Takes<{ path: string; property: string }, unknown>;
  "blockdev-add": Takes<BlockdevOptions, object>;
  "blockdev-del": Takes<{ "node-name": string }, object>;
  "block-commit": Takes<BlockCommit, object>;
  "job-cancel": Takes<{ id: string }, object>;
  "job-dismiss": Takes<{ id: string }, object>;
  transaction: Takes<{ actions: readonly BlockdevSnapshot[] }, object>;
  migrate: Takes<{ uri: string }, object>;
  "migrate-incoming": Takes<{ uri: string }, object>;
  "migrate-set-capabilities": Takes<{ capabilities: readonly { capability: string; state: boolean }[] }, object>;
  "migrate-set-parameters": Takes<{ "max-bandwidth": number }, object>;
  migrate_cancel: Takes<object, object>;
  stop: Takes<object, object>;
  cont: Takes<object, object>;
  system_powerdown: Takes<object, object>;
  quit: Takes<object, object>;
}

interface Takes<Arguments, Result> {
  readonly arguments: Arguments;
  readonly result: Result;
}

export type RunState =
  | "running"
  | "paused"
  | "prelaunch"
  | "inmigrate"
  | "postmigrate"
  | "finish-migrate"
  | "restore-vm"
  | "save-vm"
  | "shutdown"
  | "suspended"
  | "io-error"
  | "internal-error"
  | "guest-panicked"
  | "watchdog"
  | "debug"
  | "colo"
  | "preconfig";

interface Ram {
  readonly transferred: number;
  readonly total: number;
}

/** A guest's disk; `qdev` ends in its device's id. */
export interface BlockDevice {
  readonly qdev?: string;
  readonly inserted?: { readonly "node-name"?: string; readonly image: BlockImage };
}

export interface BlockImage {
  readonly filename: string;
  readonly "virtual-size": number;
  readonly "backing-image"?: BlockImage;
}

export interface BlockNode {
  readonly "node-name": string;
  /** `qcow2`, `raw`, or `file` for the layer below those. */
  readonly drv: string;
  readonly file: string;
}

export interface BlockStats {
  readonly "node-name"?: string;
  readonly stats: { readonly wr_highest_offset: number };
}

export interface Job {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly "current-progress": number;
  readonly "total-progress": number;
  readonly error?: string;
}

/** A file, or a format on a file, with what backs it; null: nothing, whatever its header says. */
export interface BlockdevOptions {
  readonly driver: "file" | "qcow2" | "raw";
  readonly "node-name": string;
  readonly filename?: string;
  readonly file?: BlockdevOptions;
  readonly backing?: BlockdevOptions | null;
  readonly "read-only"?: boolean;
  readonly "auto-read-only"?: boolean;
}

interface BlockdevSnapshot {
  readonly type: "blockdev-snapshot";
  readonly data: { readonly node: string; readonly overlay: string };
}

interface BlockCommit {
  readonly "job-id": string;
  readonly device: string;
  readonly "top-node": string;
  readonly "base-node": string;
  readonly "backing-file": string;
  readonly "auto-dismiss": boolean;
  readonly speed?: number;
}
