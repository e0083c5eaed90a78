import { createReadStream } from "node:fs";
import type { ErrorCode } from "../../errors.ts";
import { SnapledgerError } from "../../errors.ts";

/** Enough to tell that a file is longer than any XML that is accepted (1 MiB). */
const most = 1024 * 1024 + 1;

/** A process has one stdin: while commands are read from it, `-` names nothing. */
let stdinHoldsCommands = false;

export function keepStdinForCommands(): void {
  stdinHoldsCommands = true;
}

/** The bytes of a file, or of stdin for `-`. FILE_NOT_FOUND when it cannot be read, `tooLong` when it is that. */
export async function readInput(path: string, tooLong: ErrorCode = "INVALID_XML"): Promise<Uint8Array> {
  if (path === "-" && stdinHoldsCommands) {
    throw new SnapledgerError("USAGE", "- is stdin, and the commands come from there.", {
      hint: "Name a file, or give the commands in one: `snapledger shell FILE`.",
    });
  }
  const bytes = path === "-" ? await readStdin() : await readNamed(path);
  if (bytes.length < most) return bytes;
  const name = path === "-" ? "stdin" : path;
  throw new SnapledgerError(tooLong, `${name} is longer than 1 MiB.`, { hint: "Is it the right file?" });
}

async function readNamed(path: string): Promise<Uint8Array> {
  try {
    // No further: a device may have no end.
    return await gathered(createReadStream(path, { end: most - 1 }) as AsyncIterable<Buffer>);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

export function cannotRead(path: string, cause: unknown): SnapledgerError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const why = reasons.get(code) ?? code;
  return new SnapledgerError("FILE_NOT_FOUND", `Failed to open file '${path}': ${why}.`, {
    facts: { path, reason: code },
    hint: "Check the path, and that this user may read it.",
    cause,
  });
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "no such file or directory"],
  ["ENOTDIR", "no such file or directory"],
  ["EACCES", "permission denied"],
  ["EISDIR", "it is a directory"],
]);

function readStdin(): Promise<Uint8Array> {
  return gathered(process.stdin as AsyncIterable<Buffer>);
}

async function gathered(from: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of from) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= most) break;
  }
  return Buffer.concat(chunks);
}
