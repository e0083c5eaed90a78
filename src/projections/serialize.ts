import type { DomainId, LayerId, SnapshotId } from "../events/ids.ts";
import { directoryVersion, emptyDirectory } from "./directory.ts";
import type { Directory, ListedDomain } from "./directory.ts";
import { foldVersion } from "./domain.ts";
import { emptyFileDirectory, fileDirectoryVersion } from "./file-directory.ts";
import type { DomainFiles, FileDirectory, OwnFile } from "./file-directory.ts";
import type { NameChange } from "./names.ts";
import { emptyState } from "./state.ts";
import type { DomainState, Layer, Snapshot } from "./state.ts";

/**
 * A projection as text and back: what was folded, up to which record, by which version of the fold. Pure; where the
 * text lies, and whether it is still what was written there, is for others to know. A cached state is only ever a short
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

/** Field by field: lists of plain values are read in a third of the time of a list of objects (5,000 domains). */
function directoryRows({ domains, names, gap, position, hash }: Directory) {
  const listed = [...domains.values()];
  const columns = {
    ids: listed.map(({ id }) => id),
    names: listed.map(({ name }) => name),
    defined: listed.map(({ defined }) => defined),
    revisions: listed.map(({ revision }) => revision),
    guests: listed.map(({ guest }) => guest),
    operations: listed.map(({ operation }) => operation),
  };
  const index = new Map(columns.ids.map((id, i) => [id, i]));
  return { domains: columns, names: nameColumns(names, index), gap, position, hash };
}

function directoryOf({ domains: columns, names: changes, ...rest }: DirectoryRows): Directory {
  const { ids, names, defined, revisions, guests, operations } = columns;
  checkColumns([ids, names, defined, revisions, guests, operations]);
  const domains = new Map<DomainId, ListedDomain>();
  const byName = new Map<string, DomainId>();
  for (const [i, id] of ids.entries()) {
    const [name = "", isDefined = false] = [names[i], defined[i]];
    const [revision = 0, guest = "off", operation = null] = [revisions[i], guests[i], operations[i]];
    domains.set(id, { id, name, defined: isDefined, revision, guest, operation });
    if (isDefined) byName.set(name, id);
  }
  checkColumns([changes.positions, changes.domains, changes.names, changes.defined]);
  if (!changes.domains.every((index) => index >= 0 && index < ids.length)) throw new Error("a change of no domain");
  let made: NameChange[] | undefined;
  return {
    ...rest,
    domains,
    byName,
    get names() {
      return (made ??= namesIn(changes, ids));
    },
  };
}

/** While it can still be told that this is no cached state. Throws. */
function checkColumns(columns: readonly (readonly unknown[])[]): void {
  const fits = columns.every((column) => Array.isArray(column) && column.length === columns[0]?.length);
  if (!fits) throw new Error("columns of different lengths");
}

/** Thousands of changes may be of a few domains, and only questions about the past need them: made when asked for. */
function nameColumns(changes: readonly NameChange[], index: ReadonlyMap<DomainId, number>) {
  return {
    positions: changes.map(({ position }) => position),
    domains: changes.map(({ domain }) => index.get(domain) ?? -1),
    names: changes.map(({ name }) => name),
    defined: changes.map(({ defined }) => defined),
  };
}

type NameColumns = ReturnType<typeof nameColumns>;

function namesIn({ positions, domains, names, defined }: NameColumns, ids: readonly DomainId[]): NameChange[] {
  return positions.map((position, i) => ({
    position,
    domain: ids[domains[i] ?? -1] ?? "",
    name: names[i] ?? "",
    defined: defined[i] ?? false,
  }));
}

export function writeFileDirectory(directory: FileDirectory): string {
  return write("files", fileDirectoryVersion, directory, fileRows(directory));
}

/** undefined for anything that this version did not write. */
export function parseFileDirectory(text: string): FileDirectory | undefined {
  const rows = parse(text, "files", fileDirectoryVersion, fileRows(emptyFileDirectory()));
  return rows && attempt(() => fileDirectoryOf(rows));
}

type FileRows = ReturnType<typeof fileRows>;

function fileRows(directory: FileDirectory) {
  const domains = [...directory.domains.values()].map((domain) => ({ ...domain, files: [...domain.files] }));
  return { ...directory, domains };
}

function fileDirectoryOf(rows: FileRows): FileDirectory {
  const domains = rows.domains.map((domain): [DomainId, DomainFiles] => [
    domain.id,
    { ...domain, files: new Map<LayerId, OwnFile>(domain.files) },
  ]);
  return { ...rows, domains: new Map(domains) };
}

function write(
  kind: string,
  version: number,
  { position, hash }: DomainState | Directory | FileDirectory,
  rows: unknown,
): string {
  return JSON.stringify({ kind, version, position, hash, rows });
}

function parse<T extends DomainRows | DirectoryRows | FileRows>(
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

/** What cannot be read is no cached state. */
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
