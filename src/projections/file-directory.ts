import type { EventRecord, RecordOf } from "../events/events.ts";
import type { DomainId, LayerId, OperationId, Target } from "../events/ids.ts";
import type { DefinedDisk, FileFacts, FileIdentity, ImageFacts, LayerFile } from "../events/records.ts";
import { basesSeen, endsOperation } from "./domain.ts";

/**
 * What rules have to know of other domains' files: who stands on which base image, which files are ours, and which bases
 * are being rewritten. Files are told apart by device and inode: a path says nothing about hard links. It is large, and
 * only a definition and a merge into a base image need it.
 */
export interface FileDirectory {
  domains: Map<DomainId, DomainFiles>;
  /** The last record folded in. */
  position: number;
  hash: string;
}

/** Changes with every change of `applyFileDirectory`, or of what a cached state is written as. */
export const fileDirectoryVersion = 1;

export interface DomainFiles {
  id: DomainId;
  /** The one that it had last; empty before its first definition. */
  name: string;
  /** Every disk that stands on a base image, those of files kept by undefine among them. */
  disks: ListedDisk[];
  /** Layers and heads that exist by the log, or that undefine left on disk. */
  files: Map<LayerId, OwnFile>;
  /** What an operation without an outcome is about to make, to stand on, or to rewrite. */
  open: OpenClaims | null;
}

export interface ListedDisk {
  target: Target;
  base: LayerId;
  file: FileFacts;
  /** Files below the base image, nearest first. */
  chain: readonly FileFacts[];
  kept: boolean;
  /** The layer whose content the base image is still to get; null when it has it. */
  role: LayerId | null;
}

export interface OwnFile extends FileIdentity {
  path: string;
  /** Undefine left it on disk. */
  kept?: true;
}

export interface OpenClaims {
  operation: OperationId;
  /** The name of a domain that is being defined. */
  name: string | null;
  images: { target: Target; image: ImageFacts }[];
  /** Files that its steps make. */
  makes: string[];
  /** Disks whose base image it is about to rewrite, and with which layer's content. */
  merges: { target: Target; role: LayerId }[];
}

export function emptyFileDirectory(): FileDirectory {
  return { domains: new Map(), position: 0, hash: "" };
}

/** Folds one record in, of whatever domain. Never refuses: what is in the log has happened. */
export function applyFileDirectory(directory: FileDirectory, record: EventRecord): void {
  directory.position = record.position;
  directory.hash = record.hash;
  if (record.domain === null) return;
  const domain = filesOf(directory, record.domain);
  applyFiles(domain, record);
  if (domain.open?.operation === record.operation && endsOperation(record)) domain.open = null;
}

function applyFiles(domain: DomainFiles, record: EventRecord): void {
  switch (record.type) {
    case "OperationStarted":
      domain.open = claimsOf(domain, record);
      return;
    case "DomainDefined":
      return applyDefined(domain, record);
    case "DomainUndefined":
      return applyUndefined(domain, record);
    case "SnapshotCreated":
      return putFiles(domain, [...record.data.snapshot.layers, ...record.data.heads]);
    case "HeadsMoved":
      return putFiles(domain, [...(record.data.autosave?.layers ?? []), ...record.data.heads]);
    case "SnapshotDeactivated":
      return putFiles(domain, [...(record.data.autosave?.layers ?? []), ...(record.data.moved?.heads ?? [])]);
    case "SnapshotMerged":
      if (record.data.into === null) moveRoles(domain);
      return putFiles(domain, record.data.moved?.heads ?? []);
    case "SnapshotDiscarded":
      return putFiles(domain, record.data.moved?.heads ?? []);
    case "LayersCompacted":
      return applyCompacted(domain, record);
    case "LayersRemoved":
      for (const { layer } of record.data.files) if (layer !== null) domain.files.delete(layer);
      return;
    default:
      return;
  }
}

function filesOf(directory: FileDirectory, id: DomainId): DomainFiles {
  const known = directory.domains.get(id);
  if (known) return known;
  const domain = { id, name: "", disks: [], files: new Map<LayerId, OwnFile>(), open: null };
  directory.domains.set(id, domain);
  return domain;
}

function claimsOf(domain: DomainFiles, { operation, data }: RecordOf<"OperationStarted">): OpenClaims | null {
  if (operation === null) return null;
  const { command, facts, plan } = data;
  const makes = plan.steps.flatMap((step) => (step.step === "freeze" ? [] : [step.path]));
  const claims: OpenClaims = { operation, name: null, images: [], makes, merges: [] };
  if (command.type === "DefineDomain") {
    // The rules record what they saw of each image, by target, as `define.images`.
    const seen = (facts as { define?: { images?: Record<Target, ImageFacts> } }).define?.images ?? {};
    claims.name = command.name;
    claims.images = Object.entries(seen).map(([target, image]) => ({ target, image }));
  }
  if (command.type === "MergeSnapshot") {
    claims.merges = plan.folds.flatMap((fold) => baseFold(domain, fold));
    const seen = basesSeen(facts);
    for (const disk of domain.disks) if (!disk.kept) disk.file = seen[disk.target] ?? disk.file;
  }
  return claims;
}

/** A fold that is planned into a base image, or into the layer whose content one is still to get. */
function baseFold(
  domain: DomainFiles,
  { target, from, into }: { target: Target; from: string; into: string },
): OpenClaims["merges"] {
  const disk = domain.disks.find((one) => one.target === target && !one.kept);
  if (!disk || (into !== disk.file.path && into !== pathOf(domain, disk.role))) return [];
  const role = [...domain.files].find(([, { path }]) => path === from)?.[0];
  return role === undefined ? [] : [{ target, role }];
}

function pathOf(domain: DomainFiles, layer: LayerId | null): string | undefined {
  return layer === null ? undefined : domain.files.get(layer)?.path;
}

/** A merge into the base is decided: until compaction has ended, the base image lacks the content of these layers. */
function moveRoles(domain: DomainFiles): void {
  for (const { target, role } of domain.open?.merges ?? []) {
    for (const disk of domain.disks) if (disk.target === target && !disk.kept) disk.role = role;
  }
}

function applyDefined(domain: DomainFiles, { data }: RecordOf<"DomainDefined">): void {
  domain.name = data.name;
  domain.disks = [...domain.disks.filter(({ kept }) => kept), ...data.disks.map(listDisk)];
  putFiles(
    domain,
    data.disks.map(({ head }) => head),
  );
}

function listDisk({ target, base, image: { file, chain } }: DefinedDisk): ListedDisk {
  return { target, base, file, chain, kept: false, role: null };
}

/** Kept files go on standing on their base images; removed ones are ours until LayersRemoved says that they are gone. */
function applyUndefined(domain: DomainFiles, { data }: RecordOf<"DomainUndefined">): void {
  if (data.kept.length > 0) for (const disk of domain.disks) disk.kept = true;
  const kept = new Set(data.kept);
  for (const file of domain.files.values()) if (kept.has(file.path)) file.kept = true;
  domain.disks = domain.disks.filter(({ kept }) => kept);
}

function putFiles(domain: DomainFiles, files: readonly LayerFile[]): void {
  for (const { layer, path, device, inode } of files) domain.files.set(layer, { path, device, inode });
}

function applyCompacted(domain: DomainFiles, { data }: RecordOf<"LayersCompacted">): void {
  const { from, into, file } = data;
  const { path, device, inode } = file;
  if (domain.files.has(into)) domain.files.set(into, { path, device, inode });
  for (const disk of domain.disks) {
    if (disk.base === into) disk.file = file;
    if (disk.role === from) disk.role = into === disk.base ? null : into;
  }
}

/** One disk of one domain that stands on one file: its base image, or a file below it. */
export interface BaseUse extends FileIdentity {
  readonly domain: DomainId;
  readonly domainName: string;
  readonly target: Target;
  readonly path: string;
  /** By files that undefine left on disk. */
  readonly kept: boolean;
  /** What undefine left of its domain. */
  readonly left: readonly OwnFile[];
}

/** Every use of every base image and of its whole backing chain, those of a definition under way among them. */
export function baseUses(directory: FileDirectory): BaseUse[] {
  return [...directory.domains.values()].flatMap(usesOf);
}

function usesOf(domain: DomainFiles): BaseUse[] {
  const claimed = (domain.open?.images ?? []).map(({ target, image }) => ({ target, ...image, kept: false }));
  return [...domain.disks, ...claimed].flatMap(({ target, file, chain, kept }) =>
    [file, ...chain].map((one) => asUse(domain, target, one, kept)),
  );
}

function asUse(domain: DomainFiles, target: Target, { path, device, inode }: FileFacts, kept: boolean): BaseUse {
  const left = kept ? [...domain.files.values()].filter((own) => own.kept) : [];
  return { domain: domain.id, domainName: shownName(domain), target, path, device, inode, kept, left };
}

/** Base images whose content is about to change or not yet what the log says, from the intent to the last fold. */
export function pendingBases(directory: FileDirectory): BaseUse[] {
  return [...directory.domains.values()].flatMap((domain) =>
    domain.disks
      .filter(
        ({ target, kept, role }) => role !== null || (!kept && domain.open?.merges.some((m) => m.target === target)),
      )
      .map(({ target, file, kept }) => asUse(domain, target, file, kept)),
  );
}

/**
 * The name of the domain that is rewriting this base image. By path too: one that was put back from a backup has another
 * inode, and that of a domain that is gone is nobody's to rewrite.
 */
export function pendingBaseAt(
  directory: FileDirectory,
  file: FileIdentity & { readonly path: string },
): string | undefined {
  return pendingBases(directory).find((base) => isSameFile(base, file) || (!base.kept && base.path === file.path))
    ?.domainName;
}

/** The name of the domain that has this file as a layer or head, or is making it, by identity or by path. */
export function layerAt(directory: FileDirectory, file: OwnFile): string | undefined {
  return ownersOf(directory, file)[0]?.domain;
}

/** A domain that has a file as a layer or head, or is making it. */
export interface Owner {
  readonly domain: string;
  /** As it was logged; null while it is being made. */
  readonly own: OwnFile | null;
}

/** By identity or by path; two for a file that has taken the inode of one that is gone. */
export function ownersOf(directory: FileDirectory, file: OwnFile): Owner[] {
  return [...directory.domains.values()].flatMap((domain): Owner[] => {
    const name = shownName(domain);
    const own = [...domain.files.values()].filter((one) => one.path === file.path || isSameFile(one, file));
    const made = domain.open?.makes.includes(file.path) === true ? [{ domain: name, own: null }] : [];
    return [...made, ...own.map((one) => ({ domain: name, own: one }))];
  });
}

function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode;
}

function shownName(domain: DomainFiles): string {
  return domain.name || domain.open?.name || domain.id;
}
