import { open } from "node:fs/promises";
import { asDiskFull, asWrongTarget } from "../system/disk-errors.ts";
import type { Cursor } from "./cursor.ts";

/** Which file it is, and how long. */
type Output = NonNullable<Cursor["output"]>;

/** A file that an export appends to. */
export interface AppendedFile {
  readonly start: Output;
  /** Resolves when it may go on: lines gather to larger writes. */
  line(text: string): Promise<void>;
  /** Durable; how long it is now. */
  end(): Promise<Output>;
  close(): Promise<void>;
}

const atOnceCharacters = 1024 * 1024;

/**
 * Opens or makes it (0600). What a run wrote that died before its cursor was saved is cut off: the same lines come again,
 * and a reader that follows the file sees each of them once. A file that was put in its place meanwhile is only appended to.
 */
export async function appendTo(path: string, before: Cursor["output"]): Promise<AppendedFile> {
  const file = await open(path, "a", 0o600).catch((error: unknown) => {
    throw asWrongTarget(error, path);
  });
  const state = async (): Promise<Output> => {
    const { ino: inode, size: bytes } = await file.stat();
    return { inode, bytes };
  };
  const found = await state();
  if (before?.inode === found.inode && found.bytes > before.bytes) await file.truncate(before.bytes);
  let gathered = "";
  const write = async () => {
    await file.appendFile(gathered).catch((error: unknown) => {
      throw asDiskFull(error, path);
    });
    gathered = "";
  };
  return {
    start: await state(),
    async line(text) {
      gathered += `${text}\n`;
      if (gathered.length > atOnceCharacters) await write();
    },
    async end() {
      await write();
      await file.sync();
      return state();
    },
    close: () => file.close(),
  };
}
