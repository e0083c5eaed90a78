import { join } from "node:path";
import { isUuid } from "../../events/ids.ts";
import type { DomainId } from "../../events/ids.ts";
import type { EventLog, StoredRecord } from "../../events/log.ts";
import type { EventRecord } from "../../events/events.ts";
import { isMilestone, milestoneFiles } from "./older-states.ts";
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
import type { Checkpoints } from "./cache.ts";

/**
 * In an existing folder: `<uuid>.json` for each domain, its milestones beside it, `directory.json` and `files.json`; all
 * checked.
 */
export function checkpointFiles(folder: string): Checkpoints {
  const pathOf = (domain: DomainId) => (isUuid(domain) ? join(folder, `${domain}.json`) : undefined);
  const directoryPath = join(folder, "directory.json");
  const filesPath = join(folder, "files.json");
  return {
    load: (domain) => Promise.resolve(parsed(loadText(pathOf(domain)), (text) => parseDomain(text, domain))),
    save: async (state) => saveText(pathOf(state.id), writeDomain(state)),
    ...milestoneFiles(folder, { loadText, saveText }),
    loadDirectory: () => Promise.resolve(parsed(loadText(directoryPath), parseDirectory)),
    saveDirectory: async (directory) => saveText(directoryPath, writeDirectory(directory)),
    loadFiles: () => Promise.resolve(parsed(loadText(filesPath), parseFileDirectory)),
    saveFiles: async (files) => saveText(filesPath, writeFileDirectory(files)),
  };
}

/** Loads what is there, and leaves it as it is while `isLeft`. */
export function unlessLeft(files: Checkpoints, isLeft: () => boolean): Checkpoints {
  const saving = () => (isLeft() ? noCheckpoints : files);
  return {
    ...files,
    save: (state) => saving().save(state),
    saveMilestone: (state) => saving().saveMilestone(state),
    dropMilestones: (domain) => saving().dropMilestones(domain),
    saveDirectory: (directory) => saving().saveDirectory(directory),
    saveFiles: (directory) => saving().saveFiles(directory),
  };
}

/** For stores that live in memory, and for proofs that fold everything. */
export const noCheckpoints: Checkpoints = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.resolve(),
  loadMilestone: () => Promise.resolve(undefined),
  saveMilestone: () => Promise.resolve(),
  dropMilestones: () => Promise.resolve(),
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
 * Events past its checkpoint that a reader folds without leaving a new one. In a process that has just started, reading
 * and folding so many takes one and a half milliseconds, writing a checkpoint of 300 snapshots two or three (measured):
 * sooner would cost more than it saves.
 */
export const foldedBeforeSaving = 64;

/**
 * The domain's state, by its checkpoint and the records after it. `upTo`: as it was at that position of the log, by
 * the youngest milestone before it when the checkpoint is younger.
 */
export async function readDomainState(
  log: EventLog,
  domain: DomainId,
  checkpoints: Checkpoints,
  { upTo }: { readonly upTo?: number } = {},
): Promise<DomainState> {
  const range = upTo === undefined ? {} : { upTo };
  const fold = foldKeeping(checkpoints);
  const checkpoint = await checkpointBefore(checkpoints, domain, upTo);
  if (checkpoint) {
    const records = log.readDomain(domain, { fromRevision: checkpoint.revision, ...range });
    const folded = await foldAfter(checkpoint, records, fold);
    if (folded !== undefined) {
      if (folded > foldedBeforeSaving && upTo === undefined) await checkpoints.save(checkpoint);
      return checkpoint;
    }
    await checkpoints.dropMilestones(domain);
  }
  const state = emptyState(domain);
  const folded = await foldAll(state, log.readDomain(domain, range), fold);
  if (folded > foldedBeforeSaving && upTo === undefined) await checkpoints.save(state);
  return state;
}

async function checkpointBefore(
  checkpoints: Checkpoints,
  domain: DomainId,
  upTo: number | undefined,
): Promise<DomainState | undefined> {
  const newest = await checkpoints.load(domain);
  if (upTo === undefined || (newest && newest.position <= upTo)) return newest;
  return checkpoints.loadMilestone(domain, upTo);
}

/** Folds, and leaves milestones on the way: a long history that was folded once is folded faster the next time. */
function foldKeeping(checkpoints: Checkpoints): Fold<DomainState> {
  return (state, record) => {
    apply(state, record);
    return isMilestone(state) ? checkpoints.saveMilestone(state) : undefined;
  };
}

/** Folds a record in; a promise only where something has to be waited for, which would slow down every record. */
type Fold<P> = (projection: P, record: EventRecord) => Promise<void> | undefined;

/** A projection of the whole log: how it is folded, and where its checkpoint is kept. */
interface Kind<P> {
  readonly empty: () => P;
  readonly fold: Fold<P>;
  readonly load: () => Promise<P | undefined>;
  readonly save: (projection: P) => Promise<void>;
}

function directoryKind(checkpoints: Checkpoints): Kind<Directory> {
  return {
    empty: emptyDirectory,
    fold: folding(applyDirectory),
    load: () => checkpoints.loadDirectory(),
    save: (directory) => checkpoints.saveDirectory(directory),
  };
}

function filesKind(checkpoints: Checkpoints): Kind<FileDirectory> {
  return {
    empty: emptyFileDirectory,
    fold: folding(applyFileDirectory),
    load: () => checkpoints.loadFiles(),
    save: (files) => checkpoints.saveFiles(files),
  };
}

function folding<P>(apply: (projection: P, record: EventRecord) => void): Fold<P> {
  return (projection, record) => {
    apply(projection, record);
    return undefined;
  };
}

/** The directory at the log's head, by its checkpoint and the records after it. */
export function readDirectory(log: EventLog, checkpoints: Checkpoints): Promise<Directory> {
  return readProjection(log, directoryKind(checkpoints));
}

/** Whose file is which, likewise. */
export function readFiles(log: EventLog, checkpoints: Checkpoints): Promise<FileDirectory> {
  return readProjection(log, filesKind(checkpoints));
}

async function readProjection<P extends Projection>(log: EventLog, { empty, fold, load, save }: Kind<P>): Promise<P> {
  const checkpoint = await load();
  if (checkpoint) {
    const folded = await foldAfter(checkpoint, log.read({ from: checkpoint.position }), fold);
    if (folded !== undefined) {
      if (folded > foldedBeforeSaving) await save(checkpoint);
      return checkpoint;
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
export function keptDirectory(checkpoints: Checkpoints): (log: EventLog) => Promise<Directory> {
  return keptProjection(directoryKind(checkpoints));
}

/** Whose file is which, likewise. */
export function keptFiles(checkpoints: Checkpoints): (log: EventLog) => Promise<FileDirectory> {
  return keptProjection(filesKind(checkpoints));
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
 * Folds the records after a checkpoint's own, which comes first. undefined, with nothing folded, when that record is
 * not the one the checkpoint was made from: then it belongs to another history.
 */
export async function foldAfter<P extends Projection>(
  checkpoint: P,
  records: AsyncIterable<StoredRecord>,
  fold: Fold<P>,
): Promise<number | undefined> {
  let folded: number | undefined;
  for await (const { record } of records) {
    if (folded !== undefined) {
      const saving = fold(checkpoint, record);
      if (saving) await saving;
      folded++;
    } else if (record.position === checkpoint.position && record.hash === checkpoint.hash) {
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
