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

/** Lists of fields, since a list of thousands of domains is read in no time: the names of the fields are most of it. */
function directoryRows({ domains, names, gap, position, hash }: Directory) {
  const rows = [...domains.values()].map(({ id, name, defined, revision, guest, operation }) => {
    return [id, name, defined, revision, guest, operation] as const;
  });
  const index = new Map(rows.map(([id], i) => [id, i]));
  return { domains: rows, names: nameColumns(names, index), gap, position, hash };
}

function directoryOf({ domains: rows, names: columns, ...rest }: DirectoryRows): Directory {
  const domains = new Map<DomainId, ListedDomain>();
  const byName = new Map<string, DomainId>();
  for (const [id, name, defined, revision, guest, operation] of rows) {
    domains.set(id, { id, name, defined, revision, guest, operation });
    if (defined) byName.set(name, id);
  }
  checkColumns(columns, rows.length);
  let names: NameChange[] | undefined;
  return {
    ...rest,
    domains,
    byName,
    get names() {
      return (names ??= namesIn(columns, rows));
    },
  };
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

/** While it can still be told that this is no checkpoint. Throws. */
function checkColumns({ positions, domains, names, defined }: NameColumns, listed: number): void {
  const { length } = positions;
  const fits = [domains, names, defined].every((column) => Array.isArray(column) && column.length === length);
  if (!fits || !domains.every((index) => index >= 0 && index < listed)) throw new Error("columns of different lengths");
}

function namesIn({ positions, domains, names, defined }: NameColumns, rows: DirectoryRows["domains"]): NameChange[] {
  return positions.map((position, i) => ({
    position,
    domain: rows[domains[i] ?? -1]?.[0] ?? "",
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
