import type { Driver, ObservedFile } from "../../drivers/driver.ts";
import { isSnapledgerError, SnapledgerError } from "../../errors.ts";
import type { Backing } from "../../events/plan.ts";
import { layerOf, pendingFolds } from "../../projections/layers.ts";
import type { DomainState, Layer } from "../../projections/state.ts";
import type { WrongFile } from "../rules/wrong-files.ts";
import { describe } from "../rules/wrong-files.ts";

/** Files of ours that are not what the log says: nothing is frozen, folded or re-pointed by its word alone. */

type LayerInspection =
  | { readonly seen: ObservedFile; readonly wrong: null }
  | { readonly seen: ObservedFile | undefined; readonly wrong: WrongFile };

/** A file as it is now, and in what it is not what the log says. */
export async function inspectLayer(driver: Driver, state: DomainState, layer: Layer): Promise<LayerInspection> {
  const logged = layer.backing === null ? null : backingOf(layerOf(state, layer.backing));
  const as = { path: layer.file.path, found: null, logged };
  let seen: ObservedFile | undefined;
  try {
    seen = await driver.observe(backingOf(layer));
  } catch (error) {
    if (!isSnapledgerError(error, "IMAGE_INVALID")) throw error;
    return { seen, wrong: { ...as, kind: "unreadable", why: error.message } };
  }
  if (!seen) return { seen, wrong: { ...as, kind: "missing", why: "there is no such file" } };
  // Below a base image the chain is not ours.
  if (logged === null || hasBacking(seen, logged) || movedTo(state, layer).some((lower) => hasBacking(seen, lower)))
    return { seen, wrong: null };
  const found = seen.backing === null ? null : { path: seen.backing, format: seen.backingFormat };
  return {
    seen,
    wrong: { ...as, kind: "backing", why: `its header names ${told(found)}, not ${told(logged)}`, found },
  };
}

export function backingOf({ file: { path, format } }: Layer): Backing {
  return { path, format };
}

export function hasBacking({ backing, backingFormat }: ObservedFile, { path, format }: Backing): boolean {
  return backing === path && backingFormat === format;
}

/**
 * Where folds that are still to do lead what the layer stands on: one of them may have moved its link, and then have died.
 * Under a guest that runs links are not put back, and the next one may have moved it on.
 */
function movedTo(state: DomainState, { backing }: Layer): Backing[] {
  const folds = pendingFolds(state);
  const found: Backing[] = [];
  for (let at = backing; ;) {
    const fold = folds.find(({ from }) => from.id === at);
    if (!fold) return found;
    found.push(backingOf(fold.into));
    at = fold.into.id;
  }
}

function told(link: WrongFile["found"]): string {
  return link === null ? "no backing file" : `${link.path} (${link.format ?? "of no stated format"})`;
}

/** NEEDS_OPERATOR: each of these files, what is wrong with it, and what to do about the first. */
export function needsOperator(state: DomainState, wrong: readonly WrongFile[]): SnapledgerError {
  const anew = `, or undefine the domain with --keep-files and define it anew on its base image`;
  // It cannot be undefined while a fold waits.
  const { message, hint } = describe(state, wrong, pendingFolds(state).length === 0 ? anew : "");
  return new SnapledgerError("NEEDS_OPERATOR", message, { facts: { domain: state.name, files: wrong }, hint });
}

export function missingFiles(state: DomainState, paths: readonly string[]): SnapledgerError {
  const missing = { kind: "missing", why: "there is no such file", found: null, logged: null } as const;
  return needsOperator(
    state,
    paths.map((path) => ({ path, ...missing })),
  );
}
