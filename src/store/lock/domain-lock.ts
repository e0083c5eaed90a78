import { existsSync, readFileSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SnapledgerError } from "../../errors.ts";
import { kernelLock, type KernelLock } from "../../system/kernel-lock.ts";
import type { Clock, DomainId, OperationId } from "../../events/ids.ts";
import { isAlive, processesOf, processId, type ProcessId } from "../../system/process-id.ts";
import { overwrite } from "../../system/write.ts";
import { makeFolders } from "../../system/folders.ts";

/** Who holds a lock, as the next one who wants it is told. */
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
  /** How long to wait for whoever holds it; then OPERATION_IN_PROGRESS. */
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

/**
 * The lock goes by log and domain; the kernel frees it when its holder dies, and no `rm` lets a second one in. The file
 * beside it only tells who holds it, and what a dead holder left running.
 */
export function fileLocks(folder: string, { clock }: { readonly clock: Clock }): Locks {
  return {
    async lockDomain({ logId, domain, holder, waitMs, signal }) {
      const path = join(folder, `${domain}.json`);
      const tryLock = () => kernelLock(`${logId}/${domain}`, join(folder, domain));
      const lock = await waitFor(tryLock, clock() + waitMs, clock, signal);
      if (!lock) throw inProgress(domain, await readHolder(path));
      const left = existsSync(path) ? [...(readLockFile(path)?.children ?? []), ...unnoted(domain)] : [];
      const since = new Date(clock()).toISOString();
      return new FileLock(lock, path, { ...holder, since, operation: null, children: left });
    },
  };
}

/**
 * Tools that a holder had no time to note: it was killed right after it had spawned one. They are known by the domain's
 * folder of layers, whose name is its id: each is given a file in there.
 */
function unnoted(domain: DomainId): ProcessId[] {
  return processesOf("qemu-img", `/${domain}/`);
}

class FileLock implements DomainLock {
  readonly #lock: KernelLock;
  readonly #path: string;
  #file: LockFile;

  constructor(lock: KernelLock, path: string, file: LockFile) {
    this.#lock = lock;
    this.#path = path;
    this.#file = { ...file, children: file.children.filter(isAlive) };
    writeLockFile(path, this.#file);
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

  /** Its name goes first, so that the next holder is never taken for this one. */
  async release(): Promise<void> {
    if (this.livingChildren().length > 0) this.#update({ operation: null });
    else removeLockFile(this.#path);
    await this.#lock.release();
  }

  #update(change: Partial<LockFile>): void {
    this.#file = { ...this.#file, ...change };
    writeLockFile(this.#path, this.#file);
  }
}

/** Tries again until the deadline; undefined when somebody else had it all the time. */
async function waitFor(
  tryLock: () => Promise<KernelLock | undefined>,
  deadline: number,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<KernelLock | undefined> {
  for (;;) {
    const lock = await tryLock();
    if (lock) return lock;
    if (signal?.aborted) throw new SnapledgerError("INTERRUPTED", "Stopped while waiting for another operation.");
    if (clock() >= deadline) return undefined;
    await sleep(25);
  }
}

/** Whoever has the lock only now may not have left its name yet. */
async function readHolder(path: string): Promise<LockFile | undefined> {
  for (let attempt = 0; attempt < 5 && !readLockFile(path); attempt++) await sleep(2);
  return readLockFile(path);
}

function removeLockFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    return;
  }
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

function readLockFile(path: string): LockFile | undefined {
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as Partial<LockFile>;
    return Array.isArray(file.children) && typeof file.verb === "string" ? (file as LockFile) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * With blocking calls, so that a child is on disk before its manager can die of anything else. Best effort: without
 * the file the lock still holds, and only its holder's name is lost.
 */
function writeLockFile(path: string, file: LockFile): void {
  try {
    makeFolders(dirname(path));
    overwrite(path, JSON.stringify(file));
  } catch {
    return;
  }
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
