import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { freshFolder } from "../support/folders.ts";
import { cloneOfThis, root } from "./clone.ts";

/** What `npm publish` would give to others: all that runs, nothing else, and it runs there. */

const limit = { timeout: 180_000 };
let tarball = "";

beforeAll(() => {
  const folder = freshFolder();
  // scripts/test has just built it.
  const asBuilt = process.env["SNAPLEDGER_BUILT"] === "1" ? ["--ignore-scripts"] : [];
  execFileSync("npm", ["pack", "--silent", ...asBuilt, "--pack-destination", folder], { cwd: root });
  tarball = join(folder, readdirSync(folder)[0] ?? "");
}, limit.timeout);

/** Paths below src of modules that the library is made of. */
function libraryModules(): string[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.startsWith("cli/"))
    .map((path) => path.replace(/\.ts$/, ""));
}

describe("the packed tarball", () => {
  it("holds the command line, the library with its types, the pages about it, and nothing else", () => {
    const held = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trimEnd().split("\n");
    const modules = libraryModules().flatMap((path) => [`dist/${path}.js`, `dist/${path}.d.ts`]);
    const pages = ["README.md", "LICENSE", "CHANGELOG.md", "ARCHITECTURE.md"];
    const docs = readdirSync(join(root, "docs")).map((name) => `docs/${name}`);
    const auditor = ["README.md", "verify.mjs", "verify.sh"].map((name) => `dist/evidence/auditor/${name}`);
    const parts = ["cli", "cli-reading", "cli-rest", "cli-rolldown-runtime"];
    const maps = ["cli-reading", "cli-rest"].map((name) => `${name}.cjs.map`);
    const built = ["snapledger.cjs", ...parts.flatMap((name) => [`${name}.cjs`, `${name}.cache`]), ...maps];
    const cli = built.map((name) => `dist/${name}`);
    const wanted = ["package.json", ...cli, ...pages, ...docs, ...auditor, ...modules];
    expect(held.sort()).toEqual(wanted.map((path) => `package/${path}`).sort());
  });

  it("names every package that it asks for", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: object };
    const parts = ["snapledger", "cli", "cli-reading", "cli-rest"].map((name) => `dist/${name}.cjs`);
    const built = [...parts, ...libraryModules().map((path) => `dist/${path}.js`)];
    const asked = built.flatMap((path) => packagesIn(readFileSync(join(root, path), "utf8")));
    expect(asked.filter((name) => !(name in dependencies))).toEqual([]);
    expect(asked.length).toBeGreaterThan(5);
  });

  it("works in an empty folder once npm has installed it", limit, ({ skip }) => {
    const folder = freshFolder();
    const options = { cwd: folder, encoding: "utf8", env: { ...process.env, SNAPLEDGER_STORE: join(folder, "store") } };
    install(skip, folder, "install", ...whatIsCached, tarball);
    const program = join(folder, "node_modules", ".bin", "snapledger");
    const run = (...args: string[]) => execFileSync(program, args, options as { encoding: "utf8" });
    expect(run("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
    run("init");
    expect(JSON.parse(run("list", "--json"))).toEqual([]);
    const debug = { ...options.env, SNAPLEDGER_DEBUG: "1" };
    const { stderr } = spawnSync(program, ["dominfo", "nobody"], { ...options, env: debug } as { encoding: "utf8" });
    expect(stderr).toMatch(/^error \[DOMAIN_NOT_FOUND\] .*\n(?:.*\n)+ +at .*src\/[\w/-]+\.ts:\d+/);
    const script = join(folder, "script.mjs");
    const use = `const c = await connect({ store: process.env.SNAPLEDGER_STORE }); console.log((await c.head()).position);`;
    writeFileSync(script, `import { connect } from "snapledger";\n${use}\nawait c.close();\n`);
    expect(execFileSync(process.execPath, [script], options as { encoding: "utf8" })).toBe("1\n");
  });

  it("is installed by npm run pack:install, and needs nothing of the clone from then on", limit, ({ skip }) => {
    const [clone, prefix] = [cloneOfThis(), freshFolder()];
    install(skip, clone, "run", "--silent", "pack:install", "--", "--prefix", prefix, ...whatIsCached);
    rmSync(clone, { recursive: true });
    const env = { ...process.env, SNAPLEDGER_STORE: join(prefix, "store") };
    const run = (...args: string[]) =>
      execFileSync(join(prefix, "bin", "snapledger"), args, { encoding: "utf8", env, cwd: prefix });
    run("init");
    expect(JSON.parse(run("list", "--json"))).toEqual([]);
  });

  it("goes on with the parts it began with when a build puts others in their place", () => {
    const folder = freshFolder();
    execFileSync("tar", ["-xzf", tarball, "-C", folder]);
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const dist = join(folder, "package", "dist");
    const meanwhile = join(folder, "meanwhile.cjs");
    writeFileSync(meanwhile, buildsAfter("cli-reading.cjs", dist));
    const env = { ...process.env, SNAPLEDGER_STORE: join(folder, "store"), NODE_OPTIONS: `--require=${meanwhile}` };
    const { status, stderr } = spawnSync(process.execPath, [join(dist, "snapledger.cjs"), "init"], { env });
    expect([status, String(stderr)]).toEqual([0, "the other build is there\n"]);
  });
});

const whatIsCached = ["--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=0"];

/** Runs npm, and skips the test where the registry is needed and out of reach. */
function install(skip: (why: string) => void, cwd: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync("npm", args, { cwd, encoding: "utf8" });
  if (/ENOTCACHED|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/.test(stderr)) {
    skip("its dependencies are not cached, and the registry is out of reach");
  }
  expect(status, stderr).toBe(0);
}

/** A module that puts another build in place of `dist` as soon as this part of the program is compiled. */
function buildsAfter(part: string, dist: string): string {
  return `
    const fs = require("node:fs");
    const vm = require("node:vm");
    const { Script } = vm;
    vm.Script = class extends Script {
      constructor(source, options) {
        super(source, options);
        if (options.filename !== ${JSON.stringify(part)}) return;
        const dist = ${JSON.stringify(dist)};
        fs.rmSync(dist, { recursive: true });
        fs.mkdirSync(dist);
        fs.writeFileSync(dist + "/cli-rest.cjs", "throw new Error('a part of another build')");
        console.error("the other build is there");
      }
    };`;
}

/** Names of packages in `require("…")`, `import("…")`, `import "…"` and `from "…"`. */
function packagesIn(code: string): string[] {
  const called = code.matchAll(/\b(?:require|require\.resolve|import)\(["`]([^"`\n]+)["`]/g);
  const stated = code.matchAll(/\b(?:from|import) ?"([^"\n]+)"/g);
  const specifiers = [...called, ...stated].map(([, specifier = ""]) => specifier);
  return specifiers
    .filter((specifier) => /^(@[\w-]+\/)?[\w-]+(\/|$)/.test(specifier))
    .map((specifier) =>
      specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/"),
    )
    .filter((name) => !builtinModules.includes(name));
}
