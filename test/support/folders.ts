import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/** An empty folder (0700) that is removed when the test file has ended. */
export function freshFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, "snapledger-"));
  made.push(folder);
  return folder;
}

/** The same in RAM, where there is room for it: for hundreds of stores that are made and thrown away. */
export function quickFolder(): string {
  return freshFolder(isWritable("/dev/shm") ? "/dev/shm" : tmpdir());
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Called when a test file has ended. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}
