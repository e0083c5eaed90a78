#!/usr/bin/env node
// Runs the command line from V8's compiled form of its parts, made when it was built: compiling them anew takes longer
// than all that most verbs do. Another Node version than the one that built them does not take that form, and compiles.
const { readFileSync } = require("node:fs");
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
    // There is no other letter than ASCII in it, and so it need not be decoded.
    const source = Module.wrap(readFileSync(filename, "latin1"));
    const script = compiled(source, name.slice("./".length));
    script.runInThisContext()(part.exports, requireFrom, part, filename, __dirname);
    return part.exports;
  }
}

/** The compiled form holds the file's name, and should not tell in which folder it was built. */
function compiled(source, filename) {
  const cache = filename.replace(/cjs$/, "cache");
  const cachedData = read(join(__dirname, cache));
  const script = new Script(source, { filename, cachedData });
  // How the build gets it: with all that one run of a verb has come to need.
  const folder = process.env.SNAPLEDGER_COMPILE_TO;
  if (folder && !cachedData) {
    process.on("exit", () => require("node:fs").writeFileSync(join(folder, cache), script.createCachedData()));
  }
  return script;
}

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
