import type { FileHandle } from "node:fs/promises";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SnapledgerError } from "../../errors.ts";
import {
  findProgram,
  runProgram,
  startProgram,
  type ProgramEnd,
  type StartedProgram,
} from "../../system/run-program.ts";
import type { StepOptions } from "../driver.ts";
import { fullDisk, interrupted } from "../errors.ts";
import { openFile } from "../qemu-img/files.ts";

/**
 * A guest's memory through the `zstd` program: Node 20 has none of its own. It sits between QEMU's socket and the file,
 * so that a memory is never whole on disk twice; and a guest is moved only once its memory is whole, so it is packed
 * while the guest stands still: by all processors, which have nothing else to do then, and at the quickest level.
 */

const debianPackage = "zstd";

/** Asked for before anything is done to a guest. */
export function zstdProgram(): string {
  return findProgram("zstd", debianPackage);
}

const packingArguments = ["-q", "-1", "-T0", "--check", "-c"];
const unpacking = ["-q", "-d", "-c"];
const testing = ["-q", "-t"];

interface Packing {
  readonly program: string;
  /** The memory's, for errors. */
  readonly path: string;
  readonly watch?: StepOptions | undefined;
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
  const child = startProgram<Writable>(program, packingArguments, { stdio: ["pipe", file.fd, "pipe"] });
  // Of a program that ended before it was fed, its end says why.
  child.stdin.on("error", () => undefined);
  if (child.pid !== undefined) watch?.onChild?.(child.pid);
  return {
    feed: (socket) => feed(child, socket, packing),
    async letGo() {
      child.stdin.destroy();
      await child.ended;
    },
  };
}

async function feed(
  { stdin, ended }: StartedProgram<Writable, null>,
  socket: Socket,
  { path }: Packing,
): Promise<void> {
  const fed = await pipeline(socket, stdin).then(
    () => undefined,
    (error: unknown) => error,
  );
  const { code, signal, complaint } = await ended;
  // Ctrl-C on a terminal reaches the program as well as us.
  if (signal !== null && ["SIGTERM", "SIGINT", "SIGHUP"].includes(signal)) throw interrupted("saving of memory", path);
  if (code !== 0) throw notPacked(path, { signal, complaint });
  // A program that ended well was fed a part of it all the same, if QEMU hung up.
  if (fed !== undefined) throw fed as Error;
}

/** What a packed memory holds. A program that fails ends the stream early, and QEMU takes no memory that is cut short. */
export function unpack(file: FileHandle): { readonly content: Readable; readonly stop: () => Promise<void> } {
  const child = startProgram<null, Readable>(zstdProgram(), unpacking, { stdio: [file.fd, "pipe", "pipe"] });
  return {
    content: child.stdout,
    async stop() {
      child.stop();
      await child.ended;
    },
  };
}

/** Reads it to its end, checksum and all. */
export async function packedFault(path: string): Promise<string | null> {
  const program = zstdProgram();
  const file = await openFile(path, "r");
  try {
    const { code, signal, complaint } = await runProgram(program, testing, { debianPackage, stdin: file.fd });
    if (signal !== null) {
      throw new SnapledgerError("DRIVER_FAILED", `zstd was killed (${signal}) while it tested "${path}".`, {
        facts: { path, signal },
        hint: "Nothing was changed: run the same command again.",
      });
    }
    return code === 0 ? null : complaint.replace(/^(zstd: )?\S*stdin\S*\s*:\s*/, "");
  } finally {
    await file.close();
  }
}

function notPacked(path: string, { signal, complaint }: Pick<ProgramEnd, "signal" | "complaint">): SnapledgerError {
  if (/No space left on device|Disk quota exceeded|File too large/.test(complaint))
    return fullDisk(path, { tool: complaint });
  const why = signal === null ? `failed: ${complaint}` : `was killed (${signal})`;
  return new SnapledgerError("DRIVER_FAILED", `zstd ${why}, while the memory "${path}" was saved.`, {
    facts: { path, tool: complaint, ...(signal && { signal }) },
    hint: "The guest runs on as before. Run the same command again, or leave --compress out.",
  });
}
