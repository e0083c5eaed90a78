import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SnapledgerError } from "../errors.ts";
import type { Clock, DomainId, OperationId } from "../events/ids.ts";

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

/** A process by more than its pid, which is given to others in time. */
interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: string;
  readonly bootId: string;
}

interface LockFile extends Holder {
  readonly since: string;
  readonly operation: OperationId | null;
  readonly children: readonly ProcessId[];
}

/**
 * The lock is an abstract unix socket named by log and domain, so that the kernel frees it when its holder dies and no
 * `rm` lets a second one in. The file beside it only tells who holds it, and what a dead holder left running.
 */
export function fileLocks(folder: string, { clock }: { readonly clock: Clock }): Locks {
  return {
    async lockDomain({ logId, domain, holder, waitMs, signal }) {
      const path = join(folder, `${domain}.json`);
      const server = await bind(`\0snapledger/${logId}/${domain}`, clock() + waitMs, clock, signal);
      if (!server) throw inProgress(domain, readLockFile(path));
      const before = readLockFile(path);
      const since = new Date(clock()).toISOString();
      return new FileLock(server, path, { ...holder, since, operation: null, children: before?.children ?? [] });
    },
  };
}

class FileLock implements DomainLock {
  readonly #server: Server;
  readonly #path: string;
  #file: LockFile;

  constructor(server: Server, path: string, file: LockFile) {
    this.#server = server;
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
    return this.#file.children.filter(isAlive).map(({ pid }) => pid);
  }

  async release(): Promise<void> {
    this.#update({ operation: null });
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #update(change: Partial<LockFile>): void {
    this.#file = { ...this.#file, ...change };
    writeLockFile(this.#path, this.#file);
  }
}

/** Binds the socket, trying again until the deadline; undefined when somebody else had it all the time. */
async function bind(
  name: string,
  deadline: number,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Server | undefined> {
  for (;;) {
    const server = await tryBind(name);
    if (server) return server;
    if (signal?.aborted) throw new SnapledgerError("INTERRUPTED", "Stopped while waiting for another operation.");
    if (clock() >= deadline) return undefined;
    await sleep(25);
  }
}

async function tryBind(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => {
      server.unref();
      resolve(server);
    });
  });
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
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, JSON.stringify(file), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  } catch {
    return;
  }
}

function isAlive({ pid, startTime, bootId: boot }: ProcessId): boolean {
  const now = processId(pid);
  return now?.startTime === startTime && now.bootId === boot;
}

function processId(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets and may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTime] = [fields[0], fields[19]];
    if (state === "Z" || startTime === undefined) return undefined;
    return { pid, startTime, bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() };
  } catch {
    return undefined;
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
