import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The built command line's own file. */
    cli: string;
  }
}

/** Builds the command line once for all files of a run, to start as fast as the installed one; one folder per run, so that runs can be side by side. */
export default function buildCli(project: TestProject): () => void {
  const root = join(import.meta.dirname, "../../..");
  // Below node_modules, so that what stays outside of it is found.
  const folder = join(root, "node_modules", ".cache", `snapledger-test-${process.pid}`);
  execFileSync(process.execPath, [join(root, "scripts", "build.mjs"), "--cli", folder], { stdio: "inherit" });
  project.provide("cli", join(folder, "snapledger.cjs"));
  return () => rmSync(folder, { recursive: true, force: true });
}
