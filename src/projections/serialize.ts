import type { DomainId, LayerId, SnapshotId } from "../events/ids.ts";
import { directoryVersion, emptyDirectory } from "./directory.ts";
import type { Directory, ListedDomain, OwnFile } from "./directory.ts";
import { foldVersion } from "./domain.ts";
import type { NameChange } from "./names.ts";
import { emptyState } from "./state.ts";
import type { DomainState, Layer, Snapshot } from "./state.ts";

/**
 * A projection as text and back: what was folded, up to which record, by which version of the fold. Pure; where the
 * text lies, and whether it is still what was written there, is for others to know. A checkpoint is only ever a short
 * cut: anything odd about it means that the log is folded instead.
 */

export function writeDomain(state: DomainState): string {
  return write("domain", foldVersion, state, domainRows(state));
}

/** undefined for anything that this version did not write for this domain. */
export function parseDomain(text: string, id: DomainId): DomainState | undefined {
  const rows = parse(text, "domain", foldVersion, domainRows(emptyState(id)));
  return rows?.id === id ? attempt(() => domainOf(rows)) : undefined;
}

export function writeDirectory(directory: Directory): string {
  return write("directory", directoryVersion, directory, directoryRows(directory));
}

/** undefined for anything that this version did not write. */
export function parseDirectory(text: string): Directory | undefined {
  const rows = parse(text, "directory", directoryVersion, directoryRows(emptyDirectory()));
  return rows && attempt(() => directoryOf(rows));
}

type DomainRows = ReturnType<typeof domainRows>;

function domainRows(state: DomainState) {
  const children = [...state.children].map(([parent, ids]): [SnapshotId | null, SnapshotId[]] => [parent, [...ids]]);
  const [layers, snapshots] = [[...state.layers.values()], [...state.snapshots.values()]];
  return { ...state, layers, snapshots, children, byName: [...state.byName] };
}

function domainOf(rows: DomainRows): DomainState {
  return {
    ...rows,
    layers: new Map(rows.layers.map((layer): [LayerId, Layer] => [layer.id, layer])),
    snapshots: new Map(rows.snapshots.map((snapshot): [SnapshotId, Snapshot] => [snapshot.id, snapshot])),
    children: new Map(rows.children.map(([parent, ids]) => [parent, new Set(ids)])),
    byName: new Map(rows.byName),
  };
}

type DirectoryRows = ReturnType<typeof directoryRows>;

function directoryRows(directory: Directory) {
  const domains = [...directory.domains.values()].map((domain) => ({ ...domain, files: [...domain.files] }));
  return { ...directory, domains, byName: [...directory.byName], names: nameColumns(directory.names) };
}

function directoryOf(rows: DirectoryRows): Directory {
  const domains = rows.domains.map((domain): [DomainId, ListedDomain] => [
    domain.id,
    { ...domain, files: new Map<LayerId, OwnFile>(domain.files) },
  ]);
  const columns = checkedColumns(rows.names);
  let names: NameChange[] | undefined;
  return {
    ...{ domains: new Map(domains), byName: new Map(rows.byName) },
    ...{ gap: rows.gap, position: rows.position, hash: rows.hash },
    get names() {
      return (names ??= namesIn(columns));
    },
  };
}

/** Thousands of changes may be of a few domains, and only questions about the past need them: made when asked for. */
function nameColumns(changes: readonly NameChange[]) {
  const ids = [...new Set(changes.map(({ domain }) => domain))];
  const index = new Map(ids.map((id, i) => [id, i]));
  return {
    ids,
    positions: changes.map(({ position }) => position),
    domains: changes.map(({ domain }) => index.get(domain) ?? -1),
    names: changes.map(({ name }) => name),
    defined: changes.map(({ defined }) => defined),
  };
}

type NameColumns = ReturnType<typeof nameColumns>;

/** While it can still be told that this is no checkpoint. Throws. */
function checkedColumns(columns: NameColumns): NameColumns {
  const { ids, positions, domains, names, defined } = columns;
  const { length } = positions;
  const fits = [domains, names, defined].every((column) => Array.isArray(column) && column.length === length);
  if (!fits || !domains.every((index) => ids[index] !== undefined)) throw new Error("columns of different lengths");
  return columns;
}

function namesIn({ ids, positions, domains, names, defined }: NameColumns): NameChange[] {
  return positions.map((position, i) => ({
    position,
    domain: ids[domains[i] ?? -1] ?? "",
    name: names[i] ?? "",
    defined: defined[i] ?? false,
  }));
}

function write(kind: string, version: number, { position, hash }: DomainState | Directory, rows: unknown): string {
  return JSON.stringify({ kind, version, position, hash, rows });
}

function parse<T extends DomainRows | DirectoryRows>(
  text: string,
  kind: string,
  version: number,
  empty: T,
): T | undefined {
  const stored = attempt(() => JSON.parse(text) as unknown);
  if (!isObject(stored) || stored["kind"] !== kind || stored["version"] !== version) return undefined;
  const rows = stored["rows"];
  if (!hasShapeOf(rows, empty)) return undefined;
  return rows.position === stored["position"] && rows.hash === stored["hash"] ? rows : undefined;
}

/** What cannot be read is no checkpoint. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same fields, each of the same kind where the empty one tells the kind. */
function hasShapeOf<T extends object>(value: unknown, empty: T): value is T {
  if (!isObject(value)) return false;
  const fields = Object.entries(empty);
  const fits = ([key, sample]: [string, unknown]) =>
    Object.hasOwn(value, key) && (sample === null || kindOf(value[key]) === kindOf(sample));
  return Object.keys(value).length === fields.length && fields.every(fits);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}
