import type { DomainId } from "../../events/ids.ts";
import type { Directory } from "../../projections/directory.ts";
import type { FileDirectory } from "../../projections/file-directory.ts";
import type { DomainState } from "../../projections/state.ts";

/**
 * Where checkpoints are kept between commands. A short cut and no more: loading gives undefined for whatever is
 * missing or odd, saving never rejects.
 */
export interface Checkpoints {
  load(domain: DomainId): Promise<DomainState | undefined>;
  save(state: DomainState): Promise<void>;
  /** The youngest that is not after this position of the log, for questions about the past. */
  loadMilestone(domain: DomainId, upTo: number): Promise<DomainState | undefined>;
  /** To be offered each state that `isMilestone`; which ones are kept is decided here. */
  saveMilestone(state: DomainState): Promise<void>;
  /** Milestones of another history of this domain help nobody. */
  dropMilestones(domain: DomainId): Promise<void>;
  loadDirectory(): Promise<Directory | undefined>;
  saveDirectory(directory: Directory): Promise<void>;
  loadFiles(): Promise<FileDirectory | undefined>;
  saveFiles(files: FileDirectory): Promise<void>;
}
