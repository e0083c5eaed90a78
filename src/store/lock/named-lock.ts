import { existsSync, readFileSync, unlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SnapledgerError } from "../../errors.ts";
import { kernelLock, type KernelLock } from "../../system/kernel-lock.ts";
import { overwrite } from "../../system/write.ts";

export interface LockRequest<Holder extends object> {
  /** The kernel's: one of this name is held at a time on this machine. */
  readonly name: string;
  /** `<place>.json` names the holder, `<place>.net-*` are the kernel lock's sockets. */
  readonly place: string;
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** undefined: the file is no holder's, or that of one that has ended. */
  readonly parse: (file: Partial<Holder>) => Holder | undefined;
  /** What is thrown when the wait is over. */
  readonly busy: (holder: Holder | undefined) => SnapledgerError;
}

/**
 * A lock that the kernel frees when its holder dies, and a file beside it that only tells who that is: no `rm` lets a
 * second one in. Waits for it `waitMs`, then throws `busy`. INTERRUPTED once the signal is aborted.
 */
export async function namedLock<Holder extends object>(request: LockRequest<Holder>): Promise<NamedLock<Holder>> {
  const { name, place, waitMs, signal, parse, busy } = request;
  const deadline = performance.now() + waitMs;
  const path = `${place}.json`;
  // A holder that has the lock only now may not have left its name yet.
  let unnamed = 5;
  // Most hold it for about 5 ms, so waiting starts short.
  for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 50)) {
    const lock = await kernelLock(name, place);
    if (lock) return new NamedLock(lock, path, parse);
    if (signal?.aborted) throw new SnapledgerError("INTERRUPTED", "Stopped while waiting for another operation.");
    if (performance.now() >= deadline) {
      const holder = readHolder(path, parse);
      if (holder || unnamed-- === 0) throw busy(holder);
    }
    await sleep(delayMs);
  }
}

export class NamedLock<Holder extends object> {
  readonly #lock: KernelLock;
  readonly #path: string;
  readonly #parse: LockRequest<Holder>["parse"];
  #isNamed = false;
  #released: Promise<void> | undefined;

  constructor(lock: KernelLock, path: string, parse: LockRequest<Holder>["parse"]) {
    this.#lock = lock;
    this.#path = path;
    this.#parse = parse;
  }

  /** Before `nameHolder`: who died as its holder, or kept its name. The file may be unreadable all the same. */
  left(): { readonly holder: Holder | undefined } | undefined {
    return existsSync(this.#path) ? { holder: readHolder(this.#path, this.#parse) } : undefined;
  }

  /**
   * With blocking calls, so that it is on disk before this process can die of anything else. Best effort: without the
   * file the lock still holds, and only its holder's name is lost.
   */
  nameHolder(holder: Holder): void {
    this.#isNamed = true;
    try {
      overwrite(this.#path, JSON.stringify(holder));
    } catch {
      return;
    }
  }

  /** The file goes first, so that the next holder is never taken for this one. `keepName`: it stays. */
  release({ keepName = false } = {}): Promise<void> {
    if (this.#isNamed && !this.#released && !keepName) removeFile(this.#path);
    return (this.#released ??= this.#lock.release());
  }
}

export function readHolder<Holder>(
  path: string,
  parse: (file: Partial<Holder>) => Holder | undefined,
): Holder | undefined {
  try {
    return parse(JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>);
  } catch {
    return undefined;
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    return;
  }
}
