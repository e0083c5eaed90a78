import type { EventRecord } from "../../events/events.ts";
import type { DomainId, SnapshotId } from "../../events/ids.ts";
import { clone } from "./compare.ts";
import type { Condition, Expression } from "../condition/parse.ts";
import type { Value } from "../condition/fields.ts";
import { apply } from "../domain.ts";
import { emptyState } from "../state.ts";
import type { DomainState } from "../state.ts";
import { patch, step } from "./step.ts";
import type { Step } from "./step.ts";

type States = Map<DomainId, DomainState>;

/** What the last event did to the snapshots of its domain, by id. */
export interface ChangedSnapshots {
  readonly added: ReadonlySet<SnapshotId>;
  readonly changed: ReadonlySet<SnapshotId>;
  /** Their names: they are not in the state any more. */
  readonly gone: readonly string[];
}

const untouched: ChangedSnapshots = { added: new Set(), changed: new Set(), gone: [] };

/** Farther than this, folding in bulk is faster than stepping. */
const farSteps = 100;

/**
 * A stretch of the log, stepped through in both directions: forwards and backwards by immer's patches, so that no
 * step depends on how long the history is, or on snapshots that its event leaves alone. What was jumped over is folded
 * in bulk.
 */
export class Replay {
  readonly records: readonly EventRecord[];
  readonly #start: ReadonlyMap<DomainId, DomainState>;
  #states: States;
  /** Records applied. */
  #applied = 0;
  /** The steps to go back by, the last one last; those before them were folded in bulk. */
  #trail: Step[] = [];

  /** `start`: the states before the first record, of every domain that has one. */
  constructor(records: readonly EventRecord[], start: ReadonlyMap<DomainId, DomainState> = new Map()) {
    this.records = records;
    this.#start = start;
    this.#states = copied(start);
  }

  /** The event that was applied last; null at the start. */
  get event(): EventRecord | null {
    return this.records[this.#applied - 1] ?? null;
  }

  /** How many of the records are applied. */
  get applied(): number {
    return this.#applied;
  }

  /**
   * The state of the event's domain; at the start that of the first record's. undefined: only the log's own records.
   * It changes with the next step: `clone` it to keep it.
   */
  get state(): DomainState | undefined {
    const domain = this.event?.domain ?? this.records.find((record) => record.domain !== null)?.domain;
    return domain ? (this.#states.get(domain) ?? emptyState(domain)) : undefined;
  }

  get touched(): ChangedSnapshots {
    const taken = this.#trail.at(-1);
    return taken ? touchedBy(taken) : untouched;
  }

  /** false at the end. */
  next(): boolean {
    const record = this.records[this.#applied];
    if (!record) return false;
    this.#trail.push(step(stateFor(this.#states, record), record));
    this.#applied++;
    return true;
  }

  /** false at the start. */
  back(): boolean {
    const record = this.event;
    if (!record) return false;
    const taken = this.#trail.pop();
    if (!taken) {
      this.#approach(this.#applied - 1);
      return true;
    }
    patch(stateFor(this.#states, record), taken.inverse);
    this.#applied--;
    return true;
  }

  /** To where so many records are applied, or as near to it as there are records. */
  goTo(applied: number): void {
    const wanted = Math.max(0, Math.min(applied, this.records.length));
    if (Math.abs(wanted - this.#applied) > farSteps) this.#approach(wanted);
    while (this.#applied < wanted) this.next();
    while (this.#applied > wanted) this.back();
  }

  /** To right after the last record that is not after this position of the log. */
  jump(position: number): void {
    this.goTo(this.records.filter((record) => record.position <= position).length);
  }

  /** To the next event after which one of these holds; false, and nothing moved, when none does to the end. */
  run(conditions: readonly Condition[]): boolean {
    const states = copied(this.#states);
    for (let i = this.#applied; i < this.records.length; i++) {
      const event = this.records[i];
      if (!event) break;
      const state = stateFor(states, event);
      apply(state, event);
      if (!conditions.some((condition) => condition.holds({ state, event }))) continue;
      this.goTo(i + 1);
      return true;
    }
    return false;
  }

  valueOf(expression: Expression): Value {
    const { state } = this;
    return state ? expression.valueOf({ state, event: this.event }) : null;
  }

  /** In bulk to shortly before, then by steps: going back from there needs no fold for as many steps. */
  #approach(applied: number): void {
    const folded = Math.max(0, applied - farSteps);
    this.#states = copied(this.#start);
    for (const record of this.records.slice(0, folded)) apply(stateFor(this.#states, record), record);
    this.#applied = folded;
    this.#trail = [];
    while (this.#applied < applied) this.next();
  }
}

function copied(states: ReadonlyMap<DomainId, DomainState>): States {
  return new Map([...states].map(([id, state]) => [id, clone(state)]));
}

function stateFor(states: States, { domain }: EventRecord): DomainState {
  const id = domain ?? "";
  const state = states.get(id) ?? emptyState(id);
  states.set(id, state);
  return state;
}

function touchedBy({ patches, inverse }: Step): ChangedSnapshots {
  const ids = (op: "add" | "replace") =>
    patches.flatMap((patch) => {
      const [part, id] = patch.path;
      const whole = patch.path.length === 2 && patch.op === "add";
      return part === "snapshots" && patch.op !== "remove" && whole === (op === "add") ? [String(id)] : [];
    });
  const gone = inverse.flatMap(({ op, path, value }) =>
    path[0] === "snapshots" && path.length === 2 && op === "add" ? [(value as { name: string }).name] : [],
  );
  return { added: new Set(ids("add")), changed: new Set(ids("replace")), gone };
}
