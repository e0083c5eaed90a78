import { join } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import type { Clock, DomainId, OperationId } from "../../events/ids.ts";
import { makeFolders } from "../../system/folders.ts";
import { isAlive, processesOf, processId, type ProcessId } from "../../system/process-id.ts";
import { namedLock, type NamedLock } from "./named-lock.ts";

/** Who holds a lock, as an error tells the next one who wants it. */
export interface Holder {
  readonly pid: number | null;
  readonly host: string;
  readonly user: string;
  readonly verb: string;
}

export interface LockRequest {
  readonly logId: string;
  readonly domain: DomainId;
  readonly holder: Holder;
  /** How long to wait for its holder; then OPERATION_IN_PROGRESS. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** One changing operation at a time per domain: held from before its facts to after its last fold. */
export interface Locks {
  lockDomain(request: LockRequest): Promise<DomainLock>;
}

export interface DomainLock {
  operation(id: OperationId): void;
  /** A program was spawned: should its manager die, the next holder has to know that it lives on. */
  child(pid: number): void;
  /** Programs of a dead holder that are still running. */
  livingChildren(): number[];
  release(): Promise<void>;
}

interface LockFile extends Holder {
  readonly since: string;
  readonly operation: OperationId | null;
  readonly children: readonly ProcessId[];
}

/** The lock goes by log and domain. Its file also tells what a dead holder left running. */
export function fileLocks(folder: string, { clock }: { readonly clock: Clock }): Locks {
  return {
    async lockDomain({ logId, domain, holder, waitMs, signal }) {
      const lock = await namedLock<LockFile>({
        name: `${logId}/${domain}`,
        place: join(folder, domain),
        ...{ waitMs, signal },
        parse: lockFile,
        busy: (file) => inProgress(domain, file),
      });
      makeIfPossible(folder);
      const left = lock.left();
      const children = left ? [...(left.holder?.children ?? []), ...unnoted(domain)] : [];
      const since = new Date(clock()).toISOString();
      return new FileLock(lock, { ...holder, since, operation: null, children });
    },
  };
}

/** Without it the lock still holds, and only its holder's name is lost. */
function makeIfPossible(folder: string): void {
  try {
    makeFolders(folder);
  } catch {
    return;
  }
}

/**
 * Tools that a holder had no time to note: it was killed right after it had spawned one. They are known by the domain's
 * folder of layers, whose name is its id: each is given a file in there.
 */
function unnoted(domain: DomainId): ProcessId[] {
  return processesOf("qemu-img", `/${domain}/`);
}

class FileLock implements DomainLock {
  readonly #lock: NamedLock<LockFile>;
  #file: LockFile;

  constructor(lock: NamedLock<LockFile>, file: LockFile) {
    this.#lock = lock;
    this.#file = { ...file, children: file.children.filter(isAlive) };
    lock.nameHolder(this.#file);
  }

  operation(id: OperationId): void {
    this.#update({ operation: id });
  }

  child(pid: number): void {
    const started = processId(pid);
    if (started) this.#update({ children: [...this.#file.children.filter(isAlive), started] });
  }

  livingChildren(): number[] {
    return [...new Set(this.#file.children.filter(isAlive).map(({ pid }) => pid))];
  }

  async release(): Promise<void> {
    const keepName = this.livingChildren().length > 0;
    if (keepName) this.#update({ operation: null });
    await this.#lock.release({ keepName });
  }

  #update(change: Partial<LockFile>): void {
    this.#file = { ...this.#file, ...change };
    this.#lock.nameHolder(this.#file);
  }
}

function lockFile(file: Partial<LockFile>): LockFile | undefined {
  return Array.isArray(file.children) && typeof file.verb === "string" ? (file as LockFile) : undefined;
}

function inProgress(domain: DomainId, file: LockFile | undefined): SnapledgerError {
  const who = file
    ? `${file.verb} of ${file.user} (pid ${file.pid ?? "unknown"} on ${file.host}, since ${file.since})`
    : "Another command";
  return new SnapledgerError("OPERATION_IN_PROGRESS", `${who} works on this domain.`, {
    facts: { domain, holder: file ?? null },
    hint: "Wait for it to end, or give it longer with --wait SECONDS. Reading verbs work meanwhile.",
  });
}

/** Locks inside one process alone, for stores in RAM. */
export function memoryLocks(): Locks {
  const held = new Map<string, Holder>();
  return {
    lockDomain({ domain, holder }) {
      const other = held.get(domain);
      if (other) {
        const file = { ...other, since: "", operation: null, children: [] };
        return Promise.reject(inProgress(domain, file));
      }
      held.set(domain, holder);
      return Promise.resolve({
        operation: () => undefined,
        child: () => undefined,
        livingChildren: () => [],
        release: () => Promise.resolve(void held.delete(domain)),
      });
    },
  };
}
