import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/** In RAM where there is such a folder: hundreds of stores are made and thrown away. */
export function quickFolder(): string {
  const folder = mkdtempSync(join(writable("/dev/shm") ? "/dev/shm" : tmpdir(), "snapledger-damage-"));
  made.push(folder);
  return folder;
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export function removeQuickFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}
