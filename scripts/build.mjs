// build.mjs: builds what `npm pack` takes into dist/: the library as modules with types, and the command line as one file
// that starts fast. build.mjs --cli FILE: the command line only, into FILE.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dist = join(root, "dist");

const [option, file] = process.argv.slice(2);
const onlyCli = option === "--cli" && file !== undefined;
const cli = onlyCli ? resolve(file) : join(dist, "cli.cjs");
if (!onlyCli) rmSync(dist, { recursive: true, force: true });

/** The database's native binary is found by its package's place in node_modules; the JavaScript around it is bundled. */
const nativeBindingStaysOutside = {
  name: "native-binding-stays-outside",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
      importer.includes("/classic-level/") ? { path: "classic-level/binding.js", external: true } : undefined,
    );
  },
};

/** commander loads child_process (milliseconds) at its start, for subcommands that are programs; there are none. */
const nothingIsSpawnedByCommander = {
  name: "nothing-is-spawned-by-commander",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes("/commander/") ? { path, namespace: "empty" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "module.exports = {};" }));
  },
};

await build({
  absWorkingDir: root,
  entryPoints: ["src/cli/main.ts"],
  outfile: cli,
  bundle: true,
  platform: "node",
  target: "node20",
  // As a module the bundle cannot hold commander, which is CommonJS.
  format: "cjs",
  banner: { js: 'const importMetaUrl=require("node:url").pathToFileURL(__filename);' },
  // Seldom needed, and large: every start would have to compile them.
  external: ["fast-xml-parser", "cli-progress", "tar"],
  plugins: [nativeBindingStaysOutside, nothingIsSpawnedByCommander],
  // import() becomes require(): the module is still loaded only when it is needed, and not through the slower loader.
  supported: { "dynamic-import": false },
  define: { SNAPLEDGER_VERSION: JSON.stringify(version), "import.meta.url": "importMetaUrl" },
  // Short names are read and compiled sooner; the map gives a stack its own names and lines back.
  minify: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: "eof",
  logLevel: "warning",
});
// What goes into evidence bundles as it is: found beside the command line, and beside the library's modules.
cpSync(join(root, "src/evidence/auditor"), join(dirname(cli), "evidence/auditor"), { recursive: true });

if (!onlyCli) {
  makeLauncher();
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}

/** The program beside its bundle, and what V8 makes of that when a verb runs on a store. */
function makeLauncher() {
  const launcher = join(dist, "snapledger.cjs");
  copyFileSync(join(root, "scripts", "launcher.cjs"), launcher);
  chmodSync(launcher, 0o755);
  const home = mkdtempSync(join(tmpdir(), "snapledger-build-"));
  const env = { ...process.env, HOME: home, SNAPLEDGER_STORE: join(home, "store") };
  const run = (more, ...args) => spawnSync(process.execPath, [launcher, ...args], { env: { ...env, ...more } });
  try {
    run({}, "init");
    run({}, "define", "--driver", "memory", "--name", "web", "--disk", "vda=/web.qcow2");
    run({}, "snapshot-create-as", "web", "one", "--offline");
    run({ SNAPLEDGER_COMPILE_TO: join(dist, "cli.cache") }, "snapshot-list", "web");
    chmodSync(join(dist, "cli.cache"), 0o644);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
