import { cpSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { freshFolder } from "../support/folders.ts";

export const root = join(import.meta.dirname, "..", "..");

/** A copy of what is built and packed, to build in and to break: the packages are this clone's, its dist is not there. */
export function cloneOfThis(): string {
  const clone = freshFolder();
  const names = ["src", "scripts", "docs", "package.json", "tsconfig.json", "tsconfig.build.json"];
  for (const name of [...names, "README.md", "LICENSE", "CHANGELOG.md", "ARCHITECTURE.md"]) {
    cpSync(join(root, name), join(clone, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  return clone;
}
