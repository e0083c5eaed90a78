import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const made: string[] = [];

afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder (0700) that is removed when the test file has ended. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "snapledger-"));
  made.push(folder);
  return folder;
}
