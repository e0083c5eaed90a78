import type { EventRecord } from "../../events/events.ts";
import { clone } from "./compare.ts";
import { apply } from "../domain.ts";
import type { DomainState } from "../state.ts";

/** The parts of a state that grow with the number of snapshots. */
type Large = Pick<DomainState, "layers" | "snapshots" | "children" | "byName">;

/**
 * The state as far as one record is concerned: its large Maps hold only the entries that `apply` asks for when it
 * folds this record in, and all of them where it asks for all. What that is, a first `apply` on copies finds out, so
 * that nothing but `apply` has to know what an event touches. Shares its entries with the state; changes nothing.
 */
export function excerptFor(state: DomainState, record: EventRecord): DomainState {
  const { layers, snapshots, children, byName, ...small } = state;
  const asked = {
    layers: new Asked(layers),
    snapshots: new Asked(snapshots),
    children: new Asked(children),
    byName: new Asked(byName),
  };
  const tried: DomainState = { ...clone(small), ...asked };
  apply(tried, record);
  const part = <K, V>(key: keyof Large, of: Asked<K, V>): Map<K, V> =>
    // Put aside for another one, it is gone as a whole.
    (tried[key] as unknown) === of ? of.excerpt() : of.whole;
  return {
    ...small,
    layers: part("layers", asked.layers),
    snapshots: part("snapshots", asked.snapshots),
    children: part("children", asked.children),
    byName: part("byName", asked.byName),
  };
}

/** Stands in for a large Map: fetches a copy of an entry when it is asked for, and knows which ones were. */
class Asked<K, V> extends Map<K, V> {
  readonly whole: Map<K, V>;
  readonly #keys = new Set<K>();

  constructor(whole: Map<K, V>) {
    super();
    this.whole = whole;
  }

  /** The entries that were asked for, as they are in the whole. */
  excerpt(): Map<K, V> {
    const { whole } = this;
    return new Map([...this.#keys].filter((key) => whole.has(key)).map((key) => [key, whole.get(key) as V]));
  }

  override get size(): number {
    this.#fetchAll();
    return super.size;
  }

  override get(key: K): V | undefined {
    this.#fetch(key);
    return super.get(key);
  }

  override has(key: K): boolean {
    this.#fetch(key);
    return super.has(key);
  }

  override set(key: K, value: V): this {
    this.#keys.add(key);
    return super.set(key, value);
  }

  override delete(key: K): boolean {
    this.#fetch(key);
    return super.delete(key);
  }

  override clear(): void {
    for (const key of this.whole.keys()) this.#keys.add(key);
    super.clear();
  }

  override keys(): MapIterator<K> {
    this.#fetchAll();
    return super.keys();
  }

  override values(): MapIterator<V> {
    this.#fetchAll();
    return super.values();
  }

  override entries(): MapIterator<[K, V]> {
    this.#fetchAll();
    return super.entries();
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  override forEach(each: (value: V, key: K, map: Map<K, V>) => void): void {
    for (const [key, value] of this) each(value, key, this);
  }

  #fetch(key: K): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    if (this.whole.has(key)) super.set(key, clone(this.whole.get(key) as V));
  }

  #fetchAll(): void {
    for (const key of this.whole.keys()) this.#fetch(key);
  }
}
