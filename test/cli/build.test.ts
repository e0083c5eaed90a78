import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { freshFolder } from "../support/folders.ts";
import { cloneOfThis, root } from "./clone.ts";

/** What is installed or run from dist must be there, whatever a build does. */

describe("a build that fails", () => {
  it.each([
    ["of a type", "export const wrong: number = 'text';"],
    ["of syntax", "export const = ;"],
  ])("for an error %s leaves dist as it was, and nothing beside it", { timeout: 180_000 }, (_, error) => {
    const clone = cloneOfThis();
    const dist = join(clone, "dist");
    mkdirSync(dist);
    writeFileSync(join(dist, "of-before"), "");
    appendFileSync(join(clone, "src/errors.ts"), error);
    const names = readdirSync(clone);

    const { status } = spawnSync(process.execPath, [join(clone, "scripts/build.mjs")]);

    expect(status).toBeGreaterThan(0);
    expect(readdirSync(dist)).toEqual(["of-before"]);
    expect(readdirSync(clone)).toEqual(names);
  });
});

describe("replaceFolder", () => {
  it("leaves one whole folder, however many replace it at once", async () => {
    const folder = freshFolder();
    const script = `
      import { mkdirSync, writeFileSync } from "node:fs";
      import { replaceFolder } from ${JSON.stringify(pathToFileURL(join(root, "scripts/replace-folder.mjs")))};
      for (let times = 0; times < 300; times++) {
        const fresh = \`new-\${process.pid}-\${times}\`;
        mkdirSync(fresh);
        for (const name of ["a", "b", "c"]) writeFileSync(\`\${fresh}/\${name}\`, fresh);
        replaceFolder(fresh, "dist");
      }`;
    const replaces = async () => {
      const args = ["--input-type=module", "--eval", script];
      return once(spawn(process.execPath, args, { cwd: folder, stdio: "inherit" }), "exit");
    };

    expect(await Promise.all([replaces(), replaces(), replaces()])).toEqual(Array(3).fill([0, null]));
    expect(readdirSync(folder)).toEqual(["dist"]);
    const dist = join(folder, "dist");
    expect(readdirSync(dist)).toEqual(["a", "b", "c"]);
    expect(new Set(readdirSync(dist).map((name) => readFileSync(join(dist, name), "utf8"))).size).toBe(1);
  });
});
