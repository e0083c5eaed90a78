/** Where two values differ: the path to it, and what is on either side (undefined: nothing there). */
export interface Difference {
  readonly path: string;
  readonly left: unknown;
  readonly right: unknown;
}

/**
 * Every place where two projections differ; empty when they are equal. Maps and Sets are compared by key, whatever
 * their order; arrays by place.
 */
export function compare(left: unknown, right: unknown, path = ""): Difference[] {
  if (Object.is(left, right)) return [];
  const [a, b] = [entriesOf(left), entriesOf(right)];
  if (!a || !b || a.kind !== b.kind) return [{ path, left, right }];
  const keys = new Set([...a.entries.keys(), ...b.entries.keys()]);
  return [...keys].flatMap((key) => {
    const inside = path === "" ? String(key) : `${path}.${String(key)}`;
    // A key with `undefined` under it is still another thing than no key.
    if (!a.entries.has(key) || !b.entries.has(key))
      return [{ path: inside, left: a.entries.get(key), right: b.entries.get(key) }];
    return compare(a.entries.get(key), b.entries.get(key), inside);
  });
}

interface Entries {
  readonly kind: "map" | "set" | "array" | "object";
  readonly entries: ReadonlyMap<unknown, unknown>;
}

function entriesOf(value: unknown): Entries | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Map) return { kind: "map", entries: value };
  if (value instanceof Set) return { kind: "set", entries: new Map([...value].map((member) => [member, true])) };
  if (Array.isArray(value)) return { kind: "array", entries: new Map(value.entries()) };
  return { kind: "object", entries: new Map(Object.entries(value)) };
}

/**
 * A copy that shares nothing with the original and may be changed, even when the original is frozen, as everything is
 * that has come out of immer. For plain data, Maps and Sets.
 */
export function clone<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Map) return new Map([...value].map(([key, inside]) => [key, copy(inside)]));
  if (value instanceof Set) return new Set([...value].map(copy));
  if (Array.isArray(value)) return value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, copy(inside)]));
}
