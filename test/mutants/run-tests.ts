import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../simulation/run/bundle.ts";
import { mutants, switchOff } from "./mutants.ts";
import type { Mutant, NamedTests } from "./mutants.ts";

/**
 * Switches off, one at a time, each rule of mutants.ts that a test has to notice, and expects that test to fail. In a copy:
 * nothing here is changed. Prints a line per rule; exits 1 when a rule could go without being noticed.
 * --only TEXT: those whose rule holds the text.
 */
const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });
const chosen = mutants.flatMap((mutant) =>
  mutant.noticedBy.flatMap((by) => (by !== "simulation" && mutant.rule.includes(values.only) ? [{ mutant, by }] : [])),
);

const copy = mkdtempSync(join(tmpdir(), "snapledger-rules-"));
let unnoticed = 0;
try {
  for (const name of ["src", "test", "scripts", "package.json", "vitest.config.ts", "tsconfig.json"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const { mutant, by } of chosen) if (!isNoticed(mutant, by)) unnoticed++;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length} rules, ${unnoticed} could go unnoticed`);
process.exitCode = unnoticed > 0 || chosen.length === 0 ? 1 : 0;

function isNoticed({ rule, off }: Mutant, tests: NamedTests): boolean {
  const files = [...new Set(off.map(([file]) => file))];
  const passed = run(tests);
  for (const file of files)
    writeFileSync(join(copy, file), switchOff(file, readFileSync(join(copy, file), "utf8"), off));
  const without = run(tests);
  for (const file of files) cpSync(join(root, file), join(copy, file));
  // A test that fails anyway, or was not even found, notices nothing.
  const noticed = passed.failed === 0 && passed.passed > 0 && without.failed > 0;
  const how = `with it ${passed.passed} passed, ${passed.failed} failed; without ${without.failed} failed`;
  console.log(`${noticed ? "noticed  " : "UNNOTICED"}  ${rule} (${how})`);
  return noticed;
}

function run([file, name]: NamedTests): { passed: number; failed: number } {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", file, "-t", name, "--reporter=json"];
  const { stdout } = spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8", maxBuffer: 2 ** 26 });
  const results = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { numPassedTests: number; numFailedTests: number };
  return { passed: results.numPassedTests, failed: results.numFailedTests };
}
