import { join, relative } from "node:path";
import { build } from "rolldown";
import type { Plugin } from "rolldown";

/** The simulation, with all of the project that it runs, as one file for workers to load. */

export const root = join(import.meta.dirname, "../../..");

/** What is to stand instead of a text that a file holds exactly once. */
export type Off = readonly [file: string, text: string, instead: string];

/** Rejects when a text to be switched off is not found exactly once, or its file is not part of the simulation. */
export async function bundle(outfile: string, off: readonly Off[] = []): Promise<void> {
  const replaced = new Set<string>();
  await build({
    cwd: root,
    input: "test/simulation/worker.ts",
    platform: "node",
    plugins: [simulatedDisk, switchedOff(off, replaced)],
    transform: { target: "node20" },
    checks: { ineffectiveDynamicImport: false },
    output: { file: outfile, format: "esm", codeSplitting: false },
  });
  for (const [file] of off) if (!replaced.has(file)) throw new Error(`${file} is not part of the simulation`);
}

/** The LevelDB log runs on a simulated disk: its database and the blocking calls of its files are stand-ins. */
const simulatedDisk: Plugin = {
  name: "simulated-disk",
  resolveId(name, importer = "") {
    const standIn = new Map([
      ["level", "level.ts"],
      ["node:fs", "fs.ts"],
    ]).get(name);
    if (standIn === undefined || !/^src\/(events|store|system)\//.test(relative(root, importer))) return null;
    return join(root, "test/simulation/disk", standIn);
  },
};

function switchedOff(off: readonly Off[], replaced: Set<string>): Plugin {
  return {
    name: "switched-off",
    transform(code, id) {
      const file = relative(root, id);
      const changes = off.filter(([changed]) => changed === file);
      if (changes.length === 0) return null;
      for (const [, text, instead] of changes) {
        if (code.split(text).length !== 2) throw new Error(`${file} does not hold this text once: ${text}`);
        code = code.replace(text, () => instead);
      }
      replaced.add(file);
      return code;
    },
  };
}
