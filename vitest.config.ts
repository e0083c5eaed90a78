import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/vitest/longest-first.ts";

const testsIn = (folders: readonly string[]): string[] => folders.map((folder) => `test/${folder}/**/*.test.ts`);
/** Without the program. */
const pure = [...testsIn(["bench", "mutants", "rules", "support", "unit"]), "test/suites/event-log.test.ts"];
const program = testsIn(["cli", "crash", "golden", "virsh"]);

const forProgram = { globalSetup: ["test/support/vitest/build-cli.ts"] };

/** The first two keep nothing in their process from file to file, and so one process runs many, and loads src once. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    pool: "forks",
    setupFiles: ["test/support/vitest/each-file.ts"],
    sequence: { sequencer: LongestFirst },
    coverage: { include: ["src/**"] },
    projects: [
      { extends: true, test: { name: "pure", include: pure, isolate: false } },
      { extends: true, test: { name: "program", include: program, isolate: false, ...forProgram } },
      {
        extends: true,
        test: { name: "alone", include: ["test/**/*.test.ts"], exclude: [...pure, ...program], ...forProgram },
      },
    ],
  },
});
