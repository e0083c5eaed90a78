import type { DomainId } from "../../events/ids.ts";
import type { Directory } from "../../projections/directory.ts";
import type { FileDirectory } from "../../projections/file-directory.ts";
import type { DomainState } from "../../projections/state.ts";

/**
 * Where cached states are kept between commands. A short cut and no more: loading gives undefined for whatever is
 * missing or odd, saving never rejects.
 */
export interface CachedStates {
  load(domain: DomainId): Promise<DomainState | undefined>;
  save(state: DomainState): Promise<void>;
  /** The youngest that is not after this position of the log, for questions about the past. */
  loadOlder(domain: DomainId, upTo: number): Promise<DomainState | undefined>;
  /** To be offered each state that `isOlderKept`; which ones are kept is decided here. */
  saveOlder(state: DomainState): Promise<void>;
  /** Older cached states of another history of this domain help nobody. */
  dropOlder(domain: DomainId): Promise<void>;
  loadDirectory(): Promise<Directory | undefined>;
  saveDirectory(directory: Directory): Promise<void>;
  loadFiles(): Promise<FileDirectory | undefined>;
  saveFiles(files: FileDirectory): Promise<void>;
}
