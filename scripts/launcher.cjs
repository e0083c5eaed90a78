#!/usr/bin/env node
// Runs the command line from V8's compiled form of it, made when it was built: compiling it anew takes longer than all
// that most verbs do. Another Node version than the one that built it does not take that form, and compiles.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");
/** That of node:module, which would load more than it. */
const Module = module.constructor;

if (process.env.SNAPLEDGER_DEBUG) runMapped();
else runCompiled();

/** Slower to start; a stack says where in the sources it was. */
function runMapped() {
  process.setSourceMapsEnabled(true);
  require("./cli.cjs");
}

function runCompiled() {
  const filename = join(__dirname, "cli.cjs");
  const script = new Script(Module.wrap(readFileSync(filename, "utf8")), { filename, cachedData: compiled() });
  const cli = new Module(filename, module);
  cli.filename = filename;
  cli.paths = Module._nodeModulePaths(__dirname);
  script.runInThisContext()(cli.exports, (name) => cli.require(name), cli, filename, __dirname);
  // How the build gets the compiled form: with all that one run of a verb has come to need.
  if (process.env.SNAPLEDGER_COMPILE_TO) {
    process.on("exit", () =>
      require("node:fs").writeFileSync(process.env.SNAPLEDGER_COMPILE_TO, script.createCachedData()),
    );
  }
}

function compiled() {
  try {
    return readFileSync(join(__dirname, "cli.cache"));
  } catch {
    return undefined;
  }
}
