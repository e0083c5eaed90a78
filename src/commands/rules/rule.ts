import type { Command } from "../../events/command.ts";
import type { GuestState, MemoryFile } from "../../events/records.ts";
import type { DomainState, Layer } from "../../projections/state.ts";
import type { Accepted, Facts, Ids } from "./decision.ts";

/** All that the steps of `handle` have to know of one command. Every member is pure. */
export interface CommandRule<C extends Command> {
  /** Refuses what must not be done (`refuse`). */
  readonly permit: (state: DomainState, facts: Facts, command: C) => void;
  /**
   * The command's plan and event. It refuses nothing: recovery decides again by this alone, so that a rule that was added
   * later never stops an old operation from being finished.
   */
  readonly decide: (state: DomainState, facts: Facts, command: C, ids: Ids) => Accepted;
  /** What is looked at before the decision. Left out: the domain's heads and its guest alone. */
  readonly touches?: (state: DomainState, command: C) => Touches;
  /** What is done to the guest before the event. Left out: nothing. */
  readonly guestStep?: (command: C) => GuestStep;
  /** Whether `guestStep` has been done: the guest itself shows it. */
  readonly isDone?: (guest: GuestState) => boolean;
  /** What is done to the guest after the event. Left out, or null: nothing. */
  readonly guestStepAfter?: (state: DomainState, command: C) => GuestStep | null;
}

/** Files of a domain, by what a command does to them. A list that is left out is empty. */
export interface Touches {
  /** Heads that are asked for a foreign lock. */
  readonly heads?: readonly Layer[];
  /** The heads become layers: their cluster tables have to be in order. */
  readonly freezes?: boolean;
  /** Layers that are asked for a foreign lock. */
  readonly layers?: readonly Layer[];
  /** Layers that a fold writes over: their cluster tables have to be in order. */
  readonly rewritten?: readonly Layer[];
  /** With all that is below them they have to be what the log says. Left out: the command stands on none. */
  readonly standsOn?: readonly Layer[];
  /** A memory that a guest is to be started from. */
  readonly memory?: MemoryFile | null;
  /** The base images are rewritten: all who stand on them have to be known. */
  readonly bases?: boolean;
}

export type GuestStep =
  | { readonly step: "start"; readonly memory: MemoryFile | null; readonly paused: boolean }
  | { readonly step: "shutdown"; readonly timeoutMs: number }
  | { readonly step: "stop" | "suspend" | "resume" | "thaw" };
