// build.mjs: builds what `npm pack` takes into dist/: the library as modules with types, and the command line in parts
// that start fast. dist/ stays as it was until all of it is built, and when something fails.
// build.mjs --cli FOLDER: the command line only, into FOLDER.
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { replaceFolder } from "./replace-folder.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Verbs that are waited for most often, and with them the start of every other. */
const readingVerbs = [
  ...["domblklist", "dominfo", "head", "list", "snapshot-current", "snapshot-dumpxml", "snapshot-info"],
  ...["snapshot-list", "snapshot-parent"],
];
const readingFiles = ["cli/main.ts", "connection/connection.ts", ...readingVerbs.map((verb) => `cli/verbs/${verb}.ts`)];

/** Parts of Node that every start needs, or has. */
const atHand = new Set(["buffer", "events", "fs", "os", "path", "process", "url", "util", "vm"]);
/** Seldom needed, and large: every start would have to compile them. */
const packagesOutside = new Set(["fast-xml-parser", "cli-progress", "tar"]);

const [option, folder] = process.argv.slice(2);
if (option === "--cli" && folder !== undefined) {
  await buildCommandLine(resolve(folder));
  makeLauncher(resolve(folder));
} else {
  process.exitCode = await buildAll(join(root, "dist"));
}

/** Into a folder beside dist, which takes its place when nothing has failed; the exit status. */
async function buildAll(dist) {
  removeLeftovers();
  const fresh = `${dist}.new-${randomUUID()}`;
  mkdirSync(fresh);
  try {
    await buildCommandLine(fresh);
    makeLauncher(fresh);
    const status = buildLibrary(fresh);
    if (status === 0) replaceFolder(fresh, dist);
    return status;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** What builds left that were killed. No build takes an hour, so nothing is taken from one that runs. */
function removeLeftovers() {
  const hourAgo = Date.now() - 3_600_000;
  for (const name of readdirSync(root).filter((name) => name.startsWith("dist.new-"))) {
    const folder = join(root, name);
    // Another build may remove it at the same time.
    const made = statSync(folder, { throwIfNoEntry: false })?.ctimeMs ?? Infinity;
    if (made < hourAgo) rmSync(folder, { recursive: true, force: true });
  }
}

/** cli.cjs and the parts it loads: what reading verbs need, and the rest. A start reads no more than it must. */
async function buildCommandLine(dist) {
  for (const cache of cachesIn(dist)) rmSync(cache);
  const bundle = await rolldown({
    cwd: root,
    input: { cli: "src/cli/main.ts" },
    platform: "node",
    plugins: [loadedWhenUsed(), nativeBinding()],
    external: ["classic-level/package.json"],
    transform: {
      target: "node20",
      define: { SNAPLEDGER_VERSION: JSON.stringify(version), SNAPLEDGER_AUDITOR: '"./evidence/auditor/"' },
    },
    // Most verbs are never loaded, though they stand in the file of those that are.
    checks: { ineffectiveDynamicImport: false },
  });
  let reading;
  await bundle.write({
    dir: dist,
    // As a module it would be loaded through the slower loader, import() as well.
    format: "cjs",
    dynamicImportInCjs: false,
    entryFileNames: "[name].cjs",
    chunkFileNames: ({ moduleIds }) => `cli-${moduleIds.some((id) => reading.has(id)) ? "reading" : "[name]"}.cjs`,
    // A module runs when it is needed, whichever file it stands in.
    strictExecutionOrder: true,
    codeSplitting: {
      groups: [
        {
          debugName: "parts",
          name(id, modules) {
            reading ??= importedBy(readingFiles, modules);
            return reading.has(id) ? "reading" : "rest";
          },
        },
      ],
    },
    // Short names are read and compiled sooner; the map gives a stack its own names and lines back.
    minify: true,
    sourcemap: true,
    sourcemapExcludeSources: true,
    // Need not be decoded.
    charset: "ascii",
  });
  await bundle.close();
  // What goes into evidence bundles as it is: found beside the command line, and beside the library's modules.
  cpSync(join(root, "src/evidence/auditor"), join(dist, "evidence/auditor"), { recursive: true });
}

/** With all that they import but for what they load when they need it. */
function importedBy(files, modules) {
  const found = new Set();
  const toDo = files.map((file) => join(root, "src", file));
  for (let id = toDo.pop(); id !== undefined; id = toDo.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    toDo.push(...(modules.getModuleInfo(id)?.importedIds ?? []));
  }
  return found;
}

/** Other parts of Node take milliseconds to load, and so do these packages: not before something of them is used. */
function loadedWhenUsed() {
  const inside = "\0when-used:";
  return {
    name: "loaded-when-used",
    resolveId(name, importer) {
      const builtin = name.replace(/^node:/, "");
      const isBuiltin = builtinModules.includes(builtin);
      if (!isBuiltin && !packagesOutside.has(name)) return null;
      const path = isBuiltin ? `node:${builtin}` : name;
      if (atHand.has(builtin) || importer?.startsWith(inside)) return { id: path, external: true };
      return { id: `${inside}${path}` };
    },
    async load(id) {
      if (!id.startsWith(inside)) return null;
      const path = id.slice(inside.length);
      const names = Object.keys(await import(path)).filter((name) => /^\w+$/.test(name) && name !== "default");
      const code = `
        let loaded;
        for (const name of ${JSON.stringify(names)})
          Object.defineProperty(exports, name, { enumerable: true, get: () => (loaded ??= require("${path}"))[name] });
      `;
      return { code, moduleType: "js" };
    },
  };
}

/** The database's native binary is found by its package's place in node_modules; all JavaScript around it is bundled. */
function nativeBinding() {
  const folder = 'require("node:path").dirname(require.resolve("classic-level/package.json"))';
  return {
    name: "native-binding",
    load: (id) =>
      id.endsWith("/classic-level/binding.js") ? `module.exports = require("node-gyp-build")(${folder});` : null,
  };
}

/** The program beside its parts, and what V8 makes of those when a verb runs on a store. */
function makeLauncher(dist) {
  const launcher = join(dist, "snapledger.cjs");
  copyFileSync(join(root, "scripts", "launcher.cjs"), launcher);
  chmodSync(launcher, 0o755);
  const home = mkdtempSync(join(tmpdir(), "snapledger-build-"));
  const env = { PATH: process.env.PATH, HOME: home, SNAPLEDGER_STORE: join(home, "store") };
  const run = (more, ...args) => {
    const { status, stderr } = spawnSync(process.execPath, [launcher, ...args], { env: { ...env, ...more } });
    if (status !== 0) throw new Error(`snapledger ${args.join(" ")}: ${stderr}`);
  };
  const compiling = { SNAPLEDGER_COMPILE_TO: dist };
  try {
    run({}, "init");
    run({}, "define", "--driver", "memory", "--name", "web", "--disk", "vda=/web.qcow2");
    run(compiling, "snapshot-list", "web");
    // Adds what it needs of the rest; the compiled form of what is there stays as a reading verb needs it.
    run(compiling, "snapshot-create-as", "web", "one", "--offline");
    for (const cache of cachesIn(dist)) chmodSync(cache, 0o644);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Of another build a compiled form would run all the same: V8 looks at the length of the source alone. */
function cachesIn(folder) {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => /^cli.*\.cache$/.test(name)).map((name) => join(folder, name));
}

function buildLibrary(folder) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", folder];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  return status ?? 1;
}
