import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "../simulation/run/bundle.ts";
import { mutants } from "./mutants.ts";
import type { Mutant } from "./mutants.ts";
import { runSeeds } from "../simulation/run/runner.ts";

/**
 * Switches off, one at a time, each rule of mutants.ts that the simulation has to notice, in a bundle of its own, and expects the simulation to fail within
 * --seeds N (3000), on --workers N (2). Prints a line per rule; exits 1 when one could go without being noticed.
 * --only TEXT: those whose rule holds the text.
 */
const text = { type: "string" } as const;
const { values } = parseArgs({ options: { seeds: text, workers: text, only: text } });
const seeds = Number(values.seeds ?? 3000);
const workers = Number(values.workers ?? 2);
const chosen = mutants.filter(
  ({ rule, noticedBy }) => noticedBy.includes("simulation") && rule.includes(values.only ?? ""),
);

const folder = mkdtempSync(join(tmpdir(), "snapledger-mutants-"));
let unnoticed = 0;
try {
  for (const [n, mutant] of chosen.entries()) if (!(await isNoticed(join(folder, `${n}.mjs`), mutant))) unnoticed++;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${chosen.length} rules, ${unnoticed} could go unnoticed`);
process.exitCode = unnoticed > 0 ? 1 : 0;

async function isNoticed(file: string, { rule, off }: Mutant): Promise<boolean> {
  await bundle(file, off);
  const { report } = await runSeeds(file, { from: 1, to: 1 + seeds, workers });
  const noticed = report !== null && report.wrong.length > 0;
  const how = report ? `seed ${report.seed}: ${report.wrong[0]?.split("\n")[0]}` : `${seeds} seeds saw nothing`;
  console.log(`${noticed ? "noticed  " : "UNNOTICED"}  ${rule} (${how})`);
  return noticed;
}
