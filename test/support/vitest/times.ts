import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

/**
 * Processor seconds that the files of one folder of test/ may take together. Over budget is told, and fails nothing. All
 * of them, on two cores, stay within the 15 minutes that a whole run may ever take.
 */
const budgets: Readonly<Record<string, number>> = {
  ...{ bench: 2, mutants: 2, rules: 8, support: 2, unit: 90, suites: 15, golden: 25 },
  ...{
    cli: 200,
    crash: 100,
    damage: 10,
    disk: 25,
    guest: 180,
    hostile: 20,
    races: 20,
    simulation: 50,
    soak: 10,
    virsh: 10,
  },
  ...{ libvirt: 50, web: 60, server: 40, fleet: 60 },
};

interface FileTimes {
  readonly name: string;
  readonly suite: string;
  readonly tests: number;
  /** As a clock shows it: more on a machine that does other work. */
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Prints what each folder of test/ takes, beside its budget, and the slowest files. */
export default class Times implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map(timesOf).sort((a, b) => b.cpuSeconds - a.cpuSeconds);
    const names = [...new Set(files.map(({ suite }) => suite))];
    const suites = names.map((suite) => ({ suite, ...sumOf(files.filter((file) => file.suite === suite)) }));
    const rows = suites
      .sort((a, b) => b.cpuSeconds - a.cpuSeconds)
      .map(({ suite, files, tests, seconds, cpuSeconds }) => {
        const budget = budgets[suite];
        const over = budget !== undefined && cpuSeconds > budget ? "over budget" : "";
        return [
          suite,
          String(files),
          String(tests),
          seconds.toFixed(1),
          cpuSeconds.toFixed(1),
          String(budget ?? "none"),
          over,
        ];
      });
    console.log(`\n${table([["suite", "files", "tests", "seconds", "of processor", "budget", ""], ...rows])}`);
    const slowest = files
      .slice(0, 15)
      .map(({ name, tests, seconds, cpuSeconds }) => [name, String(tests), seconds.toFixed(1), cpuSeconds.toFixed(1)]);
    console.log(`\n${table([["slowest files", "tests", "seconds", "of processor"], ...slowest])}`);
  }
}

function timesOf(module: TestModule): FileTimes {
  const name = relative(module.project.config.root, module.moduleId);
  const { duration, collectDuration, prepareDuration, setupDuration } = module.diagnostic();
  return {
    ...{ name, suite: name.split("/")[1] ?? "", tests: [...module.children.allTests()].length },
    ...{
      seconds: (duration + collectDuration + prepareDuration + setupDuration) / 1000,
      cpuSeconds: module.meta().cpuSeconds ?? 0,
    },
  };
}

function sumOf(files: readonly FileTimes[]) {
  const sum = (of: (file: FileTimes) => number) => files.reduce((total, file) => total + of(file), 0);
  return {
    files: files.length,
    tests: sum((f) => f.tests),
    seconds: sum((f) => f.seconds),
    cpuSeconds: sum((f) => f.cpuSeconds),
  };
}

/** The first column is words, all others are numbers. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
