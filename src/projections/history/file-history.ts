import type { EventRecord } from "../../events/events.ts";
import type { DomainId } from "../../events/ids.ts";
import { apply } from "../domain.ts";
import { reachable } from "../layers.ts";
import { emptyState } from "../state.ts";
import type { DomainState, Layer } from "../state.ts";

/** A file came to be something else by a record. */
export interface RoleChange {
  readonly record: EventRecord;
  /** `head of vda`, `vda of snapshot "a"`, `removed` …; what it is until the next turn. */
  readonly role: string;
}

/** What one file was in one domain, from the domain's records in order. */
export class FileHistory {
  readonly turns: RoleChange[] = [];
  readonly #path: string;
  readonly #state: DomainState;
  #seen: string | null = null;

  constructor(path: string, domain: DomainId) {
    this.#path = path;
    this.#state = emptyState(domain);
  }

  push(record: EventRecord): void {
    apply(this.#state, record);
    if (["OperationStarted", "OperationFailed", "CommandRejected"].includes(record.type)) return;
    const layer = [...this.#state.layers.values()].find(({ file }) => file.path === this.#path);
    const role = layer
      ? roleOf(this.#state, layer)
      : (this.#memoryRole() ?? (this.#seen === null ? null : this.#goneRole()));
    const seen = role === null ? null : `${role} ${layer?.generation ?? ""}`;
    if (role !== null && seen !== this.#seen) this.turns.push({ record, role });
    this.#seen = seen;
  }

  #memoryRole(): string | undefined {
    const { snapshots, looseMemories } = this.#state;
    const of = [...snapshots.values()].find(({ memory }) => memory?.path === this.#path);
    if (of) return `memory of snapshot "${of.name}"`;
    return looseMemories.some(({ path }) => path === this.#path) ? unneeded : undefined;
  }

  #goneRole(): string {
    return this.#state.kept.includes(this.#path) ? "left on disk by undefine" : "removed";
  }
}

const unneeded = "needed by nothing; waits to be removed";

function roleOf(state: DomainState, { id, target, generation }: Layer): string {
  const folded = generation > 0 ? ` (rewritten by ${generation === 1 ? "a fold" : `${generation} folds`})` : "";
  if (state.heads[target] === id) return `head of ${target}`;
  if (state.bases[target] === id) return `base image of ${target}${folded}`;
  const names = [...state.snapshots.values()]
    .filter(({ layers }) => layers[target] === id)
    .map(({ name }) => `"${name}"`);
  if (names.length > 0) return `${target} of snapshot ${names.join(" and ")}${folded}`;
  if (state.baseRoles[target] === id) return `what the base image of ${target} is still to get`;
  return reachable(state).has(id) ? "named by nothing; waits to be folded away" : unneeded;
}
