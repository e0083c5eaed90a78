#!/usr/bin/env node
// Runs the command line from V8's compiled form of its parts, made when it was built: compiling them anew takes longer
// than all that most verbs do. Another Node version than the one that built them does not take that form, and compiles.
const { closeSync, openSync, readFileSync, statSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");
/** That of node:module, which would load more than it. */
const Module = module.constructor;

if (process.env.SNAPLEDGER_DEBUG) {
  // Slower to start; a stack says where in the sources it was.
  process.setSourceMapsEnabled(true);
  require("./cli.cjs");
} else {
  const paths = Module._nodeModulePaths(__dirname);
  const files = openParts();
  const parts = new Map();
  load("./cli.cjs");

  function load(name) {
    const known = parts.get(name);
    if (known) return known.exports;
    const filename = join(__dirname, name);
    const part = Object.assign(new Module(filename, module), { filename, paths });
    parts.set(name, part);
    const requireFrom = (wanted) => (wanted.startsWith("./") ? load(wanted) : part.require(wanted));
    requireFrom.resolve = (wanted) => Module._resolveFilename(wanted, part);
    const script = compiled(name.slice("./".length), files.get(name));
    script.runInThisContext()(part.exports, requireFrom, part, filename, __dirname);
    return part.exports;
  }
}

/** All parts, open before one of them runs: a build may put another folder here, whose parts do not fit to these. */
function openParts() {
  const names = ["cli", "cli-reading", "cli-rest", "cli-rolldown-runtime"];
  for (;;) {
    const folder = statSync(__dirname).ino;
    const files = names.map((name) => ({ code: open(`${name}.cjs`), cache: openIfThere(`${name}.cache`) }));
    if (statSync(__dirname).ino === folder) return new Map(names.map((name, i) => [`./${name}.cjs`, files[i]]));
  }
}

function open(name) {
  return openSync(join(__dirname, name));
}

function openIfThere(name) {
  try {
    return open(name);
  } catch {
    return undefined;
  }
}

/** The compiled form holds the file's name, and should not tell in which folder it was built. */
function compiled(filename, { code, cache }) {
  // There is no other letter than ASCII in it, and so it need not be decoded.
  const source = Module.wrap(read(code).toString("latin1"));
  const cachedData = cache === undefined ? undefined : read(cache);
  const script = new Script(source, { filename, cachedData });
  // How the build gets it: with all that one run of a verb has come to need.
  const folder = process.env.SNAPLEDGER_COMPILE_TO;
  if (folder && !cachedData) {
    const write = () =>
      require("node:fs").writeFileSync(join(folder, filename.replace(/cjs$/, "cache")), script.createCachedData());
    process.on("exit", write);
  }
  return script;
}

function read(file) {
  try {
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
