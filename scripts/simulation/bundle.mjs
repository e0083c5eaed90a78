// bundle.mjs: the simulation with all of the project that it runs, as one file for workers to load.
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** `off`: what is to stand instead, `[file, text, instead]`; a text that is not found exactly once is an error. */
export async function bundle(outfile, off = [], entry = "test/simulation/worker.ts") {
  const replaced = new Set();
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
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
const simulatedDisk = {
  name: "simulated-disk",
  setup({ onResolve }) {
    const ofTheLog = ({ importer }) => relative(root, importer).startsWith("src/events/");
    onResolve({ filter: /^level$/ }, (args) =>
      ofTheLog(args) ? { path: join(root, "test/simulation/disk/level.ts") } : undefined,
    );
    onResolve({ filter: /^node:fs$/ }, (args) =>
      ofTheLog(args) ? { path: join(root, "test/simulation/disk/fs.ts") } : undefined,
    );
  },
};

function switchedOff(off, replaced) {
  return {
    name: "switched-off",
    setup({ onLoad }) {
      if (off.length === 0) return;
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
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
