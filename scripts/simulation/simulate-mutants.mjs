// simulate-mutants.mjs: switches off, one at a time, each rule of mutants.mjs in a bundle of its own, and expects the
// simulation to fail within --seeds N (3000). Prints a line per rule; exits 1 when one could go without being noticed.
// --only TEXT: those whose rule holds the text.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.mjs";
import { mutants } from "./mutants.mjs";
import { runSeeds } from "./runner.mjs";

const text = { type: "string" };
const { values } = parseArgs({ options: { seeds: text, workers: text, only: text } });
const seeds = Number(values.seeds ?? 3000);
const workers = Number(values.workers ?? 2);
const chosen = mutants.filter(({ rule }) => rule.includes(values.only ?? ""));

const folder = mkdtempSync(join(tmpdir(), "snapledger-mutants-"));
let unnoticed = 0;
try {
  for (const { rule, off } of chosen) if (!(await isNoticed(rule, off))) unnoticed++;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${chosen.length} rules, ${unnoticed} could go unnoticed`);
process.exitCode = unnoticed > 0 ? 1 : 0;

async function isNoticed(rule, off) {
  const file = join(folder, `${Math.random()}.mjs`);
  await bundle(file, off);
  const { report } = await runSeeds(file, { from: 1, to: 1 + seeds, workers });
  rmSync(file);
  const how = report ? `seed ${report.seed}: ${report.wrong[0]?.split("\n")[0]}` : `${seeds} seeds saw nothing`;
  console.log(`${report ? "noticed  " : "UNNOTICED"}  ${rule} (${how})`);
  return report !== null;
}
