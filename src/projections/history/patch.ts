import type { DomainState } from "../state.ts";

/** One operation of a JSON Patch (RFC 6902); `path` is a JSON Pointer (RFC 6901). */
export type JsonPatch =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

type Plain = Readonly<Record<string, unknown>>;

/** These follow from the rest, or from where in the log it is. */
const derived = new Set(["children", "byName", "position", "hash"]);

/** A domain's state as one JSON object, snapshots and layers by id. */
export function plainState(state: DomainState): Plain {
  const own = Object.entries(state).filter(([key]) => !derived.has(key));
  const { snapshots, layers } = state;
  return { ...Object.fromEntries(own), snapshots: Object.fromEntries(snapshots), layers: Object.fromEntries(layers) };
}

/** What turns the one into the other, in order. Arrays are replaced as a whole: none of ours is long. */
export function patchesBetween(left: Plain, right: Plain, path = ""): JsonPatch[] {
  const removed = Object.keys(left).filter((key) => !Object.hasOwn(right, key));
  const patches: JsonPatch[] = removed.map((key) => ({ op: "remove", path: pointer(path, key) }));
  for (const [key, value] of Object.entries(right)) {
    const at = pointer(path, key);
    const before = left[key];
    if (!Object.hasOwn(left, key)) patches.push({ op: "add", path: at, value });
    else if (isPlain(before) && isPlain(value)) patches.push(...patchesBetween(before, value, at));
    else if (JSON.stringify(before) !== JSON.stringify(value)) patches.push({ op: "replace", path: at, value });
  }
  return patches;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pointer(path: string, key: string): string {
  return `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
