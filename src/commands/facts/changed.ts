import type { Driver } from "../../drivers/driver.ts";
import { isSnapledgerError } from "../../errors.ts";
import type { FileFacts } from "../../events/records.ts";
import { layerOf, mayDiffer, pendingFolds } from "../../projections/layers.ts";
import type { DomainState, Layer } from "../../projections/state.ts";
import { differencesOf } from "../rules/logged-file.ts";
import type { ChangedFile } from "../rules/logged-file.ts";

/**
 * Those of the given layers, and of all that lies below them down to the last file of the base image's own chain, whose
 * files differ from the log. Files that a fold has begun to write are not compared, nor heads. A file that is missing
 * or cannot be read as its format is for others to tell.
 */
export async function changedFiles(
  driver: Driver,
  state: DomainState,
  layers: readonly Layer[],
): Promise<ChangedFile[]> {
  const free = mayDiffer(state, pendingFolds(state));
  const changed: ChangedFile[] = [];
  const seenPaths = new Set<string>();
  for (const logged of filesBelow(state, layers, free)) {
    if (seenPaths.has(logged.path)) continue;
    seenPaths.add(logged.path);
    const seen = await factsOf(driver, logged);
    if (seen && differencesOf(logged, seen).length > 0) changed.push({ path: logged.path, logged, seen });
  }
  return changed;
}

function* filesBelow(state: DomainState, layers: readonly Layer[], free: ReadonlySet<string>): Generator<FileFacts> {
  for (const top of layers) {
    let layer = top;
    for (;;) {
      if (!free.has(layer.id)) yield layer.file;
      if (layer.backing === null) break;
      layer = layerOf(state, layer.backing);
    }
    yield* state.baseChains[layer.target] ?? [];
  }
}

async function factsOf(driver: Driver, { path, format }: FileFacts): Promise<FileFacts | undefined> {
  try {
    return (await driver.observe({ path, format }))?.facts;
  } catch (error) {
    if (isSnapledgerError(error, "IMAGE_INVALID")) return undefined;
    throw error;
  }
}
