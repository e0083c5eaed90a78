import type { ErrorCode, ErrorFacts } from "../../errors.ts";
import { SnapledgerError } from "../../errors.ts";
import type { DomainEvent } from "../../events/events.ts";
import type { LayerId, NewId, Target } from "../../events/ids.ts";
import type { Plan, Step } from "../../events/plan.ts";
import type { FileFacts, GuestState, ImageFacts, MemoryFile, Sets } from "../../events/records.ts";
import { noSets } from "../../events/records.ts";
import type { Machines, Supports } from "../../drivers/driver.ts";
import type { Warning } from "../request.ts";
import type { ChangedFile } from "./logged-file.ts";
import type { WrongFile } from "./wrong-files.ts";

/** What a rule saw beside the domain's own state. Plain JSON: it is recorded with the decision. */
export interface Facts {
  /** ISO 8601 UTC: when the facts were gathered. Names made up from the time come from here. */
  readonly time: string;
  readonly supports: Supports;
  readonly guest: GuestState;
  /** What each head's file is now. */
  readonly heads: Readonly<Record<Target, FileFacts>>;
  /** Heads that are not what the log says; left out: none. */
  readonly wrongHeads?: readonly WrongFile[];
  /** Heads whose last user was stopped half-way: they are repaired before they are frozen. Left out: none. */
  readonly toRepair?: readonly Target[];
  /**
   * Of a merge or a start: frozen files that it stands on and that differ from the log. Left out by programs that did
   * not compare them.
   */
  readonly changed?: readonly ChangedFile[];
  /** Heads that the running guest has written to, by its own count. */
  readonly written?: readonly string[];
  /** Of a start from a memory: see `MemoryFacts`. */
  readonly memory?: MemoryFacts;
  /** Free bytes where the layers are. */
  readonly freeBytes: number;
  /** Of a merge into the base: each disk's base image now, and who else stands on it. */
  readonly bases?: Readonly<Record<Target, BaseFacts>>;
  /** Of a definition: see `DefineFacts`. */
  readonly define?: DefineFacts;
  /** What could not be looked at, and why; left out: nothing. Nothing is decided without it. */
  readonly unseen?: Refusal;
}

export interface MemoryFacts {
  /** The memory file's length now; null: it is gone. */
  readonly bytes: number | null;
  /** What guests can be here; null: any memory can be loaded. */
  readonly machines: Machines | null;
  /** What is wrong with its content, as far as the driver can tell; left out: nothing. */
  readonly fault?: string;
}

export interface BaseFacts {
  /** null: there is no such file any more. */
  readonly file: FileFacts | null;
  readonly writable: boolean;
  /** Other disks that stand on this file by device and inode: `web vda`, or files that undefine left and that are there. */
  readonly users: readonly string[];
}

export interface DefineFacts {
  readonly images: Readonly<Record<Target, ImageFacts>>;
  /** The name of the domain that has this name, or this uuid, already. */
  readonly taken: string | null;
  /** Files in the images' chains that are a layer or head of ours, or that undefine left (`kept`), with their domain. */
  readonly ours: readonly { readonly path: string; readonly domain: string; readonly kept?: boolean }[];
  /** Base images that are being rewritten by a merge, with its domain. */
  readonly pending: readonly { readonly path: string; readonly domain: string }[];
  /** Absolute folder for the new domain's layers. */
  readonly layersFolder: string;
}

/** A rule's yes: what will be done, and how to say that it was, given what the steps made. */
export interface Accepted {
  readonly plan: Plan;
  readonly warnings: readonly Warning[];
  readonly outcome: (made: StepResults) => DomainEvent;
}

/** Files that the steps made or froze, by layer, and the memory that was saved. */
export interface StepResults {
  readonly files: ReadonlyMap<LayerId, FileFacts>;
  readonly memory: MemoryFile | null;
}

/** A no in plain JSON: a code, what was seen, and the smallest change that would pass. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
  readonly hint: string;
}

export type Decision = { readonly accepted: Accepted } | { readonly refused: SnapledgerError };

/** Thrown by a rule's `permit`, which so reads as a list of sentences. */
export function refuse(code: ErrorCode, message: string, hint: string, facts: ErrorFacts = {}): never {
  throw new SnapledgerError(code, message, { facts, hint });
}

export interface Ids {
  readonly newId: NewId;
}

const none: readonly never[] = Object.freeze([]);

/** Nothing to make, to remove or to fold. Handed out with many outcomes: it can't be changed. */
export const noPlan: Plan = Object.freeze({ steps: none, sets: noSets, removes: none, folds: none, spaceBytes: 0 });

/** What is left out is empty. */
export interface PlanParts {
  readonly steps?: readonly Step[];
  readonly repairs?: NonNullable<Plan["repairs"]>;
  readonly sets?: Sets;
  readonly removes?: readonly string[];
  readonly folds?: Plan["folds"];
  readonly spaceBytes?: number;
  readonly warnings?: readonly Warning[];
}

export function accept(parts: PlanParts, outcome: Accepted["outcome"]): Accepted {
  const { warnings = [], repairs = [], ...plan } = parts;
  return { plan: { ...noPlan, ...plan, ...(repairs.length > 0 && { repairs }) }, warnings, outcome };
}
