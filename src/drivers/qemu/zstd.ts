import { spawn } from "node:child_process";
import type { ChildProcessByStdio, StdioOptions } from "node:child_process";
import type { FileHandle } from "node:fs/promises";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SnapledgerError } from "../../errors.ts";
import type { Watch } from "../driver.ts";
import { fullDisk, interrupted } from "../errors.ts";
import { openFile } from "../qemu-img/files.ts";
import { findProgram } from "../qemu-img/tool.ts";

/**
 * A guest's memory through the `zstd` program: Node 20 has none of its own. It sits between QEMU's socket and the file,
 * so that a memory is never whole on disk twice; and a guest is moved only once its memory is whole, so it is packed
 * while the guest stands still: by all processors, which have nothing else to do then, and at the quickest level.
 */

/** Asked for before anything is done to a guest. */
export function zstdProgram(): string {
  return findProgram("zstd", "zstd");
}

const packingArguments = ["-q", "-1", "-T0", "--check", "-c"];
const unpacking = ["-q", "-d", "-c"];
const testing = ["-q", "-t"];

interface Packing {
  readonly program: string;
  /** The memory's, for errors. */
  readonly path: string;
  readonly watch?: Watch | undefined;
}

/** A program that waits for what it is to pack into the file; it ends when it was fed, or is let go of. */
export interface Packer {
  /** Resolves when all that the socket gave is in the file, packed, and the program has ended. */
  readonly feed: (socket: Socket) => Promise<void>;
  /** Resolves when it has ended, fed or not. */
  readonly letGo: () => Promise<void>;
}

/** Started before the guest stands still, so that it need not wait for that. */
export function startPacker(file: FileHandle, packing: Packing): Packer {
  const { program, watch } = packing;
  const child = launch<Writable, null>(program, packingArguments, ["pipe", file.fd, "pipe"]);
  const ended = endOf(child);
  // One that ended before it was fed is told of by how it ended.
  child.stdin.on("error", () => undefined);
  if (child.pid !== undefined) watch?.onChild?.(child.pid);
  return {
    feed: (socket) => feed(child, ended, socket, packing),
    async letGo() {
      child.stdin.destroy();
      await ended;
    },
  };
}

async function feed(
  child: Child<Writable, null>,
  ended: Promise<End>,
  socket: Socket,
  { path }: Packing,
): Promise<void> {
  const fed = await pipeline(socket, child.stdin).then(
    () => undefined,
    (error: unknown) => error,
  );
  const { code, signal, words } = await ended;
  // Ctrl-C on a terminal reaches the program as well as us.
  if (signal !== null && ["SIGTERM", "SIGINT", "SIGHUP"].includes(signal)) throw interrupted("saving of memory", path);
  if (code !== 0) throw notPacked(path, { signal, words });
  // A program that ended well was fed a part of it all the same, if QEMU hung up.
  if (fed !== undefined) throw fed as Error;
}

/** What a packed memory holds. A program that fails ends the stream early, and QEMU takes no memory that is cut short. */
export function unpack(file: FileHandle): { readonly content: Readable; readonly stop: () => Promise<void> } {
  const child = launch<null, Readable>(zstdProgram(), unpacking, [file.fd, "pipe", "pipe"]);
  const ended = endOf(child);
  return {
    content: child.stdout,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Reads it to its end, checksum and all. */
export async function packedFault(path: string): Promise<string | null> {
  const program = zstdProgram();
  const file = await openFile(path, "r");
  try {
    const { code, signal, words } = await endOf(launch(program, testing, [file.fd, "ignore", "pipe"]));
    if (signal !== null) {
      throw new SnapledgerError("DRIVER_FAILED", `zstd was killed (${signal}) while it tested "${path}".`, {
        facts: { path, signal },
        hint: "Nothing was changed: run the same command again.",
      });
    }
    return code === 0 ? null : words.replace(/^(zstd: )?\S*stdin\S*\s*:\s*/, "");
  } finally {
    await file.close();
  }
}

type Child<In extends Writable | null, Out extends Readable | null> = ChildProcessByStdio<In, Out, Readable>;

function launch<In extends Writable | null, Out extends Readable | null>(
  program: string,
  args: readonly string[],
  stdio: StdioOptions,
): Child<In, Out> {
  // Its types cannot tell what a descriptor among them makes of the others.
  return spawn(program, args, { stdio, env: { LC_ALL: "C" } }) as unknown as Child<In, Out>;
}

/** More than it says in good order. */
const wordsAtMost = 4096;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly words: string;
}

function endOf(child: Child<Writable | null, Readable | null>): Promise<End> {
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (said: string) => (words = (words + said).slice(0, wordsAtMost)));
  return new Promise((resolve) => {
    child.once("error", ({ message }) => resolve({ code: -1, signal: null, words: message }));
    child.once("close", (code, signal) => resolve({ code, signal, words: words.trim() }));
  });
}

function notPacked(path: string, { signal, words }: Pick<End, "signal" | "words">): SnapledgerError {
  if (/No space left on device|Disk quota exceeded|File too large/.test(words)) return fullDisk(path, { tool: words });
  const why = signal === null ? `failed: ${words}` : `was killed (${signal})`;
  return new SnapledgerError("DRIVER_FAILED", `zstd ${why}, while the memory "${path}" was saved.`, {
    facts: { path, tool: words, ...(signal && { signal }) },
    hint: "The guest runs on as before. Run the same command again, or leave --compress out.",
  });
}
