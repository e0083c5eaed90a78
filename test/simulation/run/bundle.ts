import { join, relative } from "node:path";
import { build } from "rolldown";
import type { Plugin } from "rolldown";
import { switchOff } from "../../mutants/mutants.ts";
import type { Off } from "../../mutants/mutants.ts";

/** The simulation, with all of the project that it runs, as one file for workers to load. */

export const root = join(import.meta.dirname, "../../..");

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
      if (!off.some(([changed]) => changed === file)) return null;
      replaced.add(file);
      return switchOff(file, code, off);
    },
  };
}
