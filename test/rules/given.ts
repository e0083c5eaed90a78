import { expect } from "vitest";
import type {
  Command,
  CreateSnapshot,
  CreateWithSnapshot,
  DefineDomain,
  DeactivateSnapshot,
  DestroyDomain,
  DiscardSnapshot,
  MergeSnapshot,
  StartDomain,
  UndefineDomain,
} from "../../src/events/command.ts";
import type { DomainEvent } from "../../src/events/events.ts";
import type { Target } from "../../src/events/ids.ts";
import type { Affected, Sets } from "../../src/events/records.ts";
import type { Accepted, BaseFacts, Decision, DefineFacts } from "../../src/commands/rules/decision.ts";
import type { ErrorCode, ErrorFacts, SnapledgerError } from "../../src/errors.ts";
import type { Supports } from "../../src/drivers/driver.ts";
import { layerOf, pendingFolds } from "../../src/projections/layers.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { expectSoundGraph } from "./graph.ts";
import { drawn } from "./drawn.ts";
import { domainId, World } from "./scenario.ts";

/**
 * given / when / then for the rules: what happened, what is asked, and what comes of it.
 *
 *     given(domainDefined(), created("a"), created("b"), startedFrom("a"), created("c"))
 *       .when(merge("b"))
 *       .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["c"] });
 */
export function given(...steps: readonly Step[]): Given {
  const world = new World();
  for (const step of steps) step(world);
  expectSoundGraph(world.state);
  return { when: (command) => new Then(world, command, world.decide(command)) };
}

export interface Given {
  when(command: Command): Then;
}
export type Step = (world: World) => void;

// What is asked.

const ofVm = { domain: "vm" } as const;
const kept = { ...ofVm, discardChanges: false } as const;

export function define(targets: readonly Target[] = ["vda"], more: Partial<DefineDomain> = {}): DefineDomain {
  const disks = targets.map((target) => ({ target, path: `/images/${target}.qcow2`, format: "qcow2" }) as const);
  const named = { type: "DefineDomain", uuid: domainId, name: "vm", driver: "memory", disks } as const;
  return { ...named, memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null, ...more };
}
export function undefine(keep: UndefineDomain["keep"] = "refuse"): UndefineDomain {
  return { type: "UndefineDomain", ...ofVm, keep };
}
export function create(name: string | null, more: Partial<CreateSnapshot> = {}): CreateSnapshot {
  const asked = { name, description: "", compression: null, offline: false, diskOnly: false };
  return { type: "CreateSnapshot", ...ofVm, ...asked, ...more };
}
export function startFrom(snapshot: string, more: Partial<CreateWithSnapshot> = {}): CreateWithSnapshot {
  return { type: "CreateWithSnapshot", ...kept, snapshot, start: true, ...more };
}
export function deactivate(snapshot: string, more: Partial<DeactivateSnapshot> = {}): DeactivateSnapshot {
  return { type: "DeactivateSnapshot", ...kept, snapshot, ...more };
}
export function merge(snapshot: string, more: Partial<MergeSnapshot> = {}): MergeSnapshot {
  return { type: "MergeSnapshot", ...kept, snapshot, force: false, ...more };
}
export function discard(snapshot: string, more: Partial<DiscardSnapshot> = {}): DiscardSnapshot {
  return { type: "DiscardSnapshot", ...kept, snapshot, force: false, ...more };
}
export function start(paused = false): StartDomain {
  return { type: "StartDomain", ...ofVm, paused };
}
export function destroy(): DestroyDomain {
  return { type: "DestroyDomain", ...ofVm };
}
export const force = { force: true } as const;
export const discardChanges = { discardChanges: true } as const;

// What happened. Each is really decided by its rule.

/** Any command, done, and cleaned up after; folds wait for `compacted()`. */
export function done(command: Command): Step {
  return (world) => {
    world.execute(command);
    world.cleanUp();
  };
}
/** `baseBytes`: the virtual size of every base image. */
export function domainDefined(
  targets: readonly Target[] = ["vda"],
  baseBytes?: number,
  more: Partial<DefineDomain> = {},
): Step {
  return (world) => {
    if (baseBytes !== undefined) for (const target of targets) world.baseBytes[target] = baseBytes;
    world.execute(define(targets, more));
  };
}
/** A stopped domain's with --offline, a running domain's with its memory. */
export function created(name: string | null, more: Partial<CreateSnapshot> = {}): Step {
  return (world) => done(create(name, { offline: world.state.guest === "off", ...more }))(world);
}
/** Its heads moved there; the guest stays off. */
export function startedFrom(snapshot: string, more: Partial<CreateWithSnapshot> = {}): Step {
  return done(startFrom(snapshot, { start: false, ...more }));
}
export function deactivated(snapshot: string, more: Partial<DeactivateSnapshot> = {}): Step {
  return done(deactivate(snapshot, more));
}
export function merged(snapshot: string, more: Partial<MergeSnapshot> = {}): Step {
  return done(merge(snapshot, more));
}
export function discarded(snapshot: string, more: Partial<DiscardSnapshot> = {}): Step {
  return done(discard(snapshot, more));
}
export function running(paused = false): Step {
  return done(start(paused));
}
export function stopped(): Step {
  return done(destroy());
}
/** The guest wrote one block to a head. */
export function written(target: Target = "vda"): Step {
  return (world) => world.write(target);
}
export function resized(byBytes: number, target: Target = "vda"): Step {
  return (world) => world.resize(target, byBytes);
}
/** Several steps as one. */
export function all(...steps: readonly Step[]): Step {
  return (world) => steps.forEach((step) => step(world));
}
/** `written`, frozen, so that snapshots differ in size: a's own layer holds one block more than an empty one. */
export function createdWritten(name: string, more: Partial<CreateSnapshot> = {}): Step {
  return all(written(), created(name, more));
}
export function compactedOne(which: "lowest" | "highest" = "lowest"): Step {
  return (world) => {
    const fold = pendingFolds(world.state)
      .filter(({ waits }) => waits === null)
      .at(which === "lowest" ? 0 : -1);
    if (!fold) throw new Error("nothing is to be folded");
    world.fold(fold);
    world.cleanUp();
  };
}
/** Every fold that waits. */
export function compacted(which: "lowest" | "highest" = "lowest"): Step {
  return (world) => {
    while (pendingFolds(world.state).length > 0) compactedOne(which)(world);
  };
}
export function later(seconds = 1): Step {
  return (world) => (world.now += seconds * 1000);
}

// What is seen.

export function base(facts: Partial<BaseFacts>, target: Target = "vda"): Step {
  return (world) => (world.bases[target] = facts);
}
/** Somebody wrote to a disk's base image, or to a snapshot's layer, behind the log. */
export function tampered(snapshot: string | null, target: Target = "vda", mtimeNs = "9"): Step {
  return (world) => {
    const { state } = world;
    const layers = snapshot === null ? state.bases : state.snapshots.get(state.byName.get(snapshot) ?? "")?.layers;
    const { file } = layerOf(state, layers?.[target]);
    world.changed = [...world.changed, { path: file.path, logged: file, seen: { ...file, mtimeNs } }];
  };
}
/** Whoever had a head open last was stopped half-way. */
export function leftHalfway(target: Target = "vda"): Step {
  return (world) => (world.toRepair = [...world.toRepair, target]);
}
export function definition(facts: Partial<DefineFacts>): Step {
  return (world) => (world.define = facts);
}
export function driverWith(supports: Partial<Supports>): Step {
  return (world) => (world.supports = { ...world.supports, ...supports });
}

/** What comes of it. */
export class Then {
  readonly #world: World;
  readonly #command: Command;
  readonly #decision: Decision;
  /** The outcome's event; set once it is folded in. */
  #event: DomainEvent | undefined;

  constructor(world: World, command: Command, decision: Decision) {
    this.#world = world;
    this.#command = command;
    this.#decision = decision;
  }

  /** Refused with this code; `facts` are among what the rule saw, `hint` is what would pass. */
  refuses(code: ErrorCode, facts: ErrorFacts = {}, hint = /./): SnapledgerError {
    if (!("refused" in this.#decision)) return expect.unreachable(`${this.#command.type} was accepted`);
    const { refused } = this.#decision;
    expect({ code: refused.code, facts: refused.facts }).toMatchObject({ code, facts });
    expect(refused.hint).toMatch(hint);
    return refused;
  }

  /** Accepted: an event of this type, with at least this in it. */
  does(type: DomainEvent["type"], data: object = {}): this {
    expect(this.event).toMatchObject({ type, data });
    return this;
  }

  /** The sets in words: `a`, `a automatic`, `memory of a`, `content of a`, `base vda`, `clean heads`, `dirty heads`. */
  shows(sets: Partial<Record<keyof Sets, readonly string[]>>): this {
    const { plan } = this.accepted;
    const words = Object.entries<readonly Affected[]>(plan.sets as unknown as Record<string, readonly Affected[]>);
    const shown = Object.fromEntries(words.map(([set, affected]) => [set, affected.map(inWords)]));
    expect(shown).toEqual({ rewritten: [], orphaned: [], reparented: [], destroyed: [], ...sets });
    return this;
  }

  warns(...codes: readonly string[]): this {
    expect(this.accepted.warnings.map(({ code }) => code)).toEqual(codes);
    return this;
  }

  /** The tree afterwards: `a(b* ~c)` is a with children b, current, and c, inactive; a lone `*` is the base image. */
  leaves(tree: string): this {
    expect(drawn(this.#after())).toBe(tree);
    return this;
  }

  and(check: (state: DomainState) => void): this {
    check(this.#after());
    return this;
  }

  /** And then, asked again, on what came of it. */
  when(command: Command): Then {
    this.#after();
    this.#world.cleanUp();
    return new Then(this.#world, command, this.#world.decide(command));
  }

  get accepted(): Accepted {
    if ("refused" in this.#decision) throw new Error(`refused: ${this.#decision.refused.message}`);
    return this.#decision.accepted;
  }

  get event(): DomainEvent {
    if (this.#event) return this.#event;
    const { plan, outcome } = this.accepted;
    return outcome(this.#world.make(this.#command, plan.steps));
  }

  #after(): DomainState {
    if (!this.#event) {
      this.#event = this.event;
      this.#world.record(this.#event);
      expectSoundGraph(this.#world.state);
    }
    return this.#world.state;
  }
}

function inWords(one: Affected): string {
  switch (one.kind) {
    case "snapshot":
      return one.snapshot.name + (one.automatic ? " automatic" : "");
    case "memory":
    case "content":
      return `${one.kind} of ${one.snapshot.name}`;
    case "base":
      return `base ${one.target}`;
    case "heads":
      return `${one.dirty ? "dirty" : "clean"} heads`;
  }
}
