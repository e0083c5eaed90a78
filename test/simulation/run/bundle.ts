import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { build } from "esbuild";
import type { Plugin } from "esbuild";

/** The simulation, with all of the project that it runs, as one file for workers to load. */

export const root = join(import.meta.dirname, "../../..");

/** What is to stand instead of a text that a file holds exactly once. */
export type Off = readonly [file: string, text: string, instead: string];

/** Rejects when a text to be switched off is not found exactly once, or its file is not part of the simulation. */
export async function bundle(outfile: string, off: readonly Off[] = []): Promise<void> {
  const replaced = new Set<string>();
  await build({
    absWorkingDir: root,
    entryPoints: ["test/simulation/worker.ts"],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
    plugins: [simulatedDisk, switchedOff(off, replaced)],
  });
  for (const [file] of off) if (!replaced.has(file)) throw new Error(`${file} is not part of the simulation`);
}

/** The LevelDB log runs on a simulated disk: its database and the blocking calls of its files are stand-ins. */
const simulatedDisk: Plugin = {
  name: "simulated-disk",
  setup(building) {
    const ofTheLog = (importer: string) => relative(root, importer).startsWith("src/events/");
    const standIn = (name: string) => ({ path: join(root, "test/simulation/disk", name) });
    building.onResolve({ filter: /^level$/ }, ({ importer }) => (ofTheLog(importer) ? standIn("level.ts") : undefined));
    building.onResolve({ filter: /^node:fs$/ }, ({ importer }) => (ofTheLog(importer) ? standIn("fs.ts") : undefined));
  },
};

function switchedOff(off: readonly Off[], replaced: Set<string>): Plugin {
  return {
    name: "switched-off",
    setup(building) {
      if (off.length === 0) return;
      building.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(root, path);
        const changes = off.filter(([changed]) => changed === file);
        if (changes.length === 0) return undefined;
        let contents = await readFile(path, "utf8");
        for (const [, text, instead] of changes) {
          if (contents.split(text).length !== 2) throw new Error(`${file} does not hold this text once: ${text}`);
          contents = contents.replace(text, () => instead);
        }
        replaced.add(file);
        return { contents, loader: "ts" };
      });
    },
  };
}
