import type { Driver } from "../../drivers/driver.ts";
import { isSnapledgerError } from "../../errors.ts";
import { layerOf, mayDiffer, pendingFolds, reachable } from "../../projections/layers.ts";
import type { DomainState, Layer } from "../../projections/state.ts";
import { inspectLayer } from "./links.ts";
import { differencesOf } from "../rules/logged-file.ts";

/** One file that is not what the log says; `why` says what it is instead. */
export interface FileDifference {
  readonly domain: string;
  readonly path: string;
  readonly kind: "missing" | "unreadable" | "replaced" | "changed" | "backing";
  readonly why: string;
}

export interface FilesVerdict {
  /** Nothing differs. Files that the log does not know are no difference. */
  readonly ok: boolean;
  /** Files that were looked at. */
  readonly files: number;
  readonly differences: readonly FileDifference[];
  /** In a layers folder, but not known from the log. */
  readonly unknown: readonly string[];
}

/**
 * Compares the files of one domain with its log. Reads headers and metadata only: a frozen layer has the size, inode
 * and time of its last event, that of its present generation; a head is the guest's, so only its place in the chain
 * and its inode are the log's to say. The files of a fold that has begun may be anything between before and after.
 */
export async function verifyFiles(driver: Driver, state: DomainState): Promise<FilesVerdict> {
  const differences: FileDifference[] = [];
  const free = mayDiffer(state, pendingFolds(state));
  const ids = [...reachable(state)];
  for (const id of ids) {
    const layer = layerOf(state, id);
    const found = await differenceOf(driver, state, layer, free.has(id));
    if (found) differences.push({ domain: state.name, path: layer.file.path, ...found });
  }
  for (const { memory } of state.snapshots.values()) {
    if (memory && (await driver.identify(memory.path)) === undefined)
      differences.push({ domain: state.name, path: memory.path, kind: "missing", why: "there is no such file" });
  }
  const unknown = await unknownFiles(driver, state);
  return { ok: differences.length === 0, files: ids.length, differences, unknown };
}

type Found = Pick<FileDifference, "kind" | "why">;

async function differenceOf(
  driver: Driver,
  state: DomainState,
  layer: Layer,
  mayChange: boolean,
): Promise<Found | undefined> {
  const looked = await inspectLayer(driver, state, layer).catch((error: unknown) => {
    if (!isSnapledgerError(error)) throw error;
    return error.message;
  });
  if (typeof looked === "string") return { kind: "unreadable", why: looked };
  const { seen, wrong } = looked;
  // Where it leads says more of what it reads as than which file it is.
  if (wrong) return { kind: wrong.kind, why: wrong.why };
  const { file } = layer;
  const differing = differencesOf(file, seen.facts);
  if (differing.length === 0) return undefined;
  if (file.device !== seen.facts.device || file.inode !== seen.facts.inode)
    return { kind: "replaced", why: `it is inode ${seen.facts.inode}, not ${file.inode}` };
  return mayChange ? undefined : { kind: "changed", why: `${differing.join("; ")} (generation ${layer.generation})` };
}

async function unknownFiles(driver: Driver, state: DomainState): Promise<string[]> {
  if (state.layersFolder === "") return [];
  const memories = [...state.snapshots.values()].flatMap(({ memory }) => memory ?? []);
  const known = new Set([
    ...[...state.layers.values()].map(({ file }) => file.path),
    ...[...memories, ...state.looseMemories].map(({ path }) => path),
    ...state.kept,
  ]);
  return (await driver.filesIn(state.layersFolder)).filter((path) => !known.has(path));
}
