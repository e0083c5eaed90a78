import { join } from "node:path";
import { isUuid } from "../../events/ids.ts";
import type { DomainId } from "../../events/ids.ts";
import type { EventLog, StoredRecord } from "../../events/log.ts";
import type { EventRecord } from "../../events/events.ts";
import { isOlderKept, olderStateFiles } from "./older-states.ts";
import {
  parseDirectory,
  parseDomain,
  parseFileDirectory,
  writeDirectory,
  writeDomain,
  writeFileDirectory,
} from "../../projections/serialize.ts";
import { applyDirectory, emptyDirectory } from "../../projections/directory.ts";
import type { Directory } from "../../projections/directory.ts";
import { applyFileDirectory, emptyFileDirectory } from "../../projections/file-directory.ts";
import type { FileDirectory } from "../../projections/file-directory.ts";
import { apply } from "../../projections/domain.ts";
import { emptyState } from "../../projections/state.ts";
import type { DomainState } from "../../projections/state.ts";
import { loadChecked, saveChecked } from "../../system/write.ts";
import type { CachedStates } from "./cache.ts";

/**
 * In an existing folder: `<uuid>.json` for each domain, its older cached states beside it, `directory.json` and `files.json`; all
 * checked.
 */
export function cachedStateFiles(folder: string): CachedStates {
  const pathOf = (domain: DomainId) => (isUuid(domain) ? join(folder, `${domain}.json`) : undefined);
  const directoryPath = join(folder, "directory.json");
  const filesPath = join(folder, "files.json");
  return {
    load: (domain) => Promise.resolve(parsed(loadText(pathOf(domain)), (text) => parseDomain(text, domain))),
    save: async (state) => saveText(pathOf(state.id), writeDomain(state)),
    ...olderStateFiles(folder, { loadText, saveText }),
    loadDirectory: () => Promise.resolve(parsed(loadText(directoryPath), parseDirectory)),
    saveDirectory: async (directory) => saveText(directoryPath, writeDirectory(directory)),
    loadFiles: () => Promise.resolve(parsed(loadText(filesPath), parseFileDirectory)),
    saveFiles: async (files) => saveText(filesPath, writeFileDirectory(files)),
  };
}

/** Loads what is there, and leaves it as it is while `isLeft`. */
export function unlessLeft(files: CachedStates, isLeft: () => boolean): CachedStates {
  const saving = () => (isLeft() ? nothingCached : files);
  return {
    ...files,
    save: (state) => saving().save(state),
    saveOlder: (state) => saving().saveOlder(state),
    dropOlder: (domain) => saving().dropOlder(domain),
    saveDirectory: (directory) => saving().saveDirectory(directory),
    saveFiles: (directory) => saving().saveFiles(directory),
  };
}

/** For stores that live in memory, and for proofs that fold everything. */
export const nothingCached: CachedStates = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.resolve(),
  loadOlder: () => Promise.resolve(undefined),
  saveOlder: () => Promise.resolve(),
  dropOlder: () => Promise.resolve(),
  loadDirectory: () => Promise.resolve(undefined),
  saveDirectory: () => Promise.resolve(),
  loadFiles: () => Promise.resolve(undefined),
  saveFiles: () => Promise.resolve(),
};

function parsed<T>(text: string | undefined, parse: (text: string) => T | undefined): T | undefined {
  return text === undefined ? undefined : parse(text);
}

function loadText(path: string | undefined): string | undefined {
  return path === undefined ? undefined : loadChecked(path);
}

async function saveText(path: string | undefined, text: string): Promise<void> {
  if (path !== undefined) await saveChecked(path, text);
}

/**
 * Events past its cached state that a reader folds without leaving a new one. In a process that has just started, reading
 * and folding so many takes one and a half milliseconds, writing a cached state of 300 snapshots two or three (measured):
 * sooner would cost more than it saves.
 */
export const foldedBeforeSaving = 64;

/**
 * The domain's state, by its cached state and the records after it. `upTo`: as it was at that position of the log, by
 * the youngest cached state before it when the newest is younger.
 */
export async function readDomainState(
  log: EventLog,
  domain: DomainId,
  cache: CachedStates,
  { upTo }: { readonly upTo?: number } = {},
): Promise<DomainState> {
  const range = upTo === undefined ? {} : { upTo };
  const fold = foldKeeping(cache);
  const cached = await cachedBefore(cache, domain, upTo);
  if (cached) {
    const records = log.readDomain(domain, { fromRevision: cached.revision, ...range });
    const folded = await foldAfter(cached, records, fold);
    if (folded !== undefined) {
      if (folded > foldedBeforeSaving && upTo === undefined) await cache.save(cached);
      return cached;
    }
    await cache.dropOlder(domain);
  }
  const state = emptyState(domain);
  const folded = await foldAll(state, log.readDomain(domain, range), fold);
  if (folded > foldedBeforeSaving && upTo === undefined) await cache.save(state);
  return state;
}

async function cachedBefore(
  cache: CachedStates,
  domain: DomainId,
  upTo: number | undefined,
): Promise<DomainState | undefined> {
  const newest = await cache.load(domain);
  if (upTo === undefined || (newest && newest.position <= upTo)) return newest;
  return cache.loadOlder(domain, upTo);
}

/** Folds, and leaves older cached states on the way: a long history that was folded once is folded faster the next time. */
function foldKeeping(cache: CachedStates): Fold<DomainState> {
  return (state, record) => {
    apply(state, record);
    return isOlderKept(state) ? cache.saveOlder(state) : undefined;
  };
}

/** Folds a record in; a promise only where something has to be waited for, which would slow down every record. */
type Fold<P> = (projection: P, record: EventRecord) => Promise<void> | undefined;

/** A projection of the whole log: how it is folded, and where its cached state is kept. */
interface Kind<P> {
  readonly empty: () => P;
  readonly fold: Fold<P>;
  readonly load: () => Promise<P | undefined>;
  readonly save: (projection: P) => Promise<void>;
}

function directoryKind(cache: CachedStates): Kind<Directory> {
  return {
    empty: emptyDirectory,
    fold: folding(applyDirectory),
    load: () => cache.loadDirectory(),
    save: (directory) => cache.saveDirectory(directory),
  };
}

function filesKind(cache: CachedStates): Kind<FileDirectory> {
  return {
    empty: emptyFileDirectory,
    fold: folding(applyFileDirectory),
    load: () => cache.loadFiles(),
    save: (files) => cache.saveFiles(files),
  };
}

function folding<P>(apply: (projection: P, record: EventRecord) => void): Fold<P> {
  return (projection, record) => {
    apply(projection, record);
    return undefined;
  };
}

/** The directory at the log's head, by its cached state and the records after it. */
export function readDirectory(log: EventLog, cache: CachedStates): Promise<Directory> {
  return readProjection(log, directoryKind(cache));
}

/** Whose file is which, likewise. */
export function readFiles(log: EventLog, cache: CachedStates): Promise<FileDirectory> {
  return readProjection(log, filesKind(cache));
}

async function readProjection<P extends Projection>(log: EventLog, { empty, fold, load, save }: Kind<P>): Promise<P> {
  const cached = await load();
  if (cached) {
    const folded = await foldAfter(cached, log.read({ from: cached.position }), fold);
    if (folded !== undefined) {
      if (folded > foldedBeforeSaving) await save(cached);
      return cached;
    }
  }
  const projection = empty();
  const folded = await foldAll(projection, log.read(), fold);
  if (folded > foldedBeforeSaving) await save(projection);
  return projection;
}

/**
 * The directory for one connection, which keeps it: it grows by the records that came since. What was handed out before
 * grows with it.
 */
export function keptDirectory(cache: CachedStates): (log: EventLog) => Promise<Directory> {
  return keptProjection(directoryKind(cache));
}

/** Whose file is which, likewise. */
export function keptFiles(cache: CachedStates): (log: EventLog) => Promise<FileDirectory> {
  return keptProjection(filesKind(cache));
}

function keptProjection<P extends Projection & { readonly domains: ReadonlyMap<DomainId, unknown> }>(
  kind: Kind<P>,
): (log: EventLog) => Promise<P> {
  let known: P | undefined;
  let unsaved = 0;
  const grown = async (log: EventLog): Promise<P> => {
    const folded = known && (await foldAfter(known, log.read({ from: known.position }), kind.fold));
    if (!known || folded === undefined) {
      unsaved = 0;
      return (known = await readProjection(log, kind));
    }
    unsaved += folded;
    if (unsaved > Math.max(foldedBeforeSaving, known.domains.size / domainsPerFolded)) {
      unsaved = 0;
      await kind.save(known);
    }
    return known;
  };
  // One after the other: no record is folded in twice.
  let last: Promise<unknown> = Promise.resolve();
  return (log) => {
    const next = last.then(async () => {
      const { position, hash } = await log.head();
      return known?.position === position && known.hash === hash ? known : grown(log);
    });
    last = next.catch(() => undefined);
    return next;
  };
}

interface Projection {
  readonly position: number;
  readonly hash: string;
}

/** Writing a large directory takes as long as a reader takes to fold one event for so many of its domains. */
const domainsPerFolded = 16;

/**
 * Folds the records after a cached state's own, which comes first. undefined, with nothing folded, when that record is
 * not the one the cached state was made from: then it belongs to another history.
 */
export async function foldAfter<P extends Projection>(
  cached: P,
  records: AsyncIterable<StoredRecord>,
  fold: Fold<P>,
): Promise<number | undefined> {
  let folded: number | undefined;
  for await (const { record } of records) {
    if (folded !== undefined) {
      const saving = fold(cached, record);
      if (saving) await saving;
      folded++;
    } else if (record.position === cached.position && record.hash === cached.hash) {
      folded = 0;
    } else {
      return undefined;
    }
  }
  return folded;
}

async function foldAll<P>(projection: P, records: AsyncIterable<StoredRecord>, fold: Fold<P>): Promise<number> {
  let folded = 0;
  for await (const { record } of records) {
    const saving = fold(projection, record);
    if (saving) await saving;
    folded++;
  }
  return folded;
}
