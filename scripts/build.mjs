// build.mjs: builds what `npm pack` takes into dist/: the library as modules with types, and the command line as one file
// that starts fast. build.mjs --cli FILE: the command line only, into FILE.
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dist = join(root, "dist");

const [option, file] = process.argv.slice(2);
const onlyCli = option === "--cli" && file !== undefined;
const cli = onlyCli ? resolve(file) : join(dist, "snapledger.cjs");
if (!onlyCli) rmSync(dist, { recursive: true, force: true });

await build({
  absWorkingDir: root,
  entryPoints: ["src/cli/main.ts"],
  outfile: cli,
  bundle: true,
  platform: "node",
  target: "node20",
  // As a module the bundle cannot hold commander, which is CommonJS.
  format: "cjs",
  banner: { js: "#!/usr/bin/env node" },
  // `level` finds its native binary by its own place in node_modules.
  external: ["level", "classic-level"],
  // import() becomes require(): the module is still loaded only when it is needed, and not through the slower loader.
  supported: { "dynamic-import": false },
  define: { SNAPLEDGER_VERSION: JSON.stringify(version) },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "eof",
  logLevel: "warning",
});
chmodSync(cli, 0o755);

if (!onlyCli) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}
