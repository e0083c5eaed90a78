import { applyPatches, enableMapSet, enablePatches, produceWithPatches } from "immer";
import type { Patch } from "immer";
import type { EventRecord } from "../events/events.ts";
import { apply } from "./domain.ts";
import type { DomainState } from "./state.ts";

enableMapSet();
enablePatches();

/** One record's effect on a state: forwards by `patches`, backwards by `inverse`. Plain data, Maps and Sets. */
export interface Step {
  readonly next: DomainState;
  readonly patches: readonly Patch[];
  readonly inverse: readonly Patch[];
}

/**
 * The same `apply`, on a draft: for replay step by step. The state handed in stays as it is, and both are frozen from
 * then on (`clone` gives one that bulk folding may change). Each step copies the containers on its path: with
 * thousands of snapshots bulk folding is thousands of times as fast.
 */
export function step(state: DomainState, record: EventRecord): Step {
  const [next, patches, inverse] = produceWithPatches(state, (draft) => apply(draft, record));
  return { next, patches: wholeRoots(patches, next), inverse: wholeRoots(inverse, state) };
}

/** Immer cannot walk a path through a null key, and there the roots are: what changes among them carries all of them. */
function wholeRoots(patches: readonly Patch[], { children }: DomainState): readonly Patch[] {
  const amongRoots = ({ path }: Patch) => path.length > 2 && path[0] === "children" && (path[1] as unknown) === null;
  if (!patches.some(amongRoots)) return patches;
  const path = ["children", null] as unknown as Patch["path"];
  const roots: Patch = { op: "replace", path, value: new Set(children.get(null)) };
  return [...patches.filter((patch) => !amongRoots(patch)), roots];
}

/** The state after the patches of one or more steps, in the order they were given. */
export function patched(state: DomainState, patches: readonly Patch[]): DomainState {
  return applyPatches(state, patches);
}
