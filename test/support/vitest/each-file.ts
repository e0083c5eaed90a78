import { readFileSync } from "node:fs";
import { afterAll } from "vitest";
import { removeFolders } from "../folders.ts";

declare module "vitest" {
  interface TaskMeta {
    /** Of a test file: what it and the processes that it waited for took of the processors. */
    cpuSeconds?: number;
  }
}

const before = cpuSeconds();

// Vitest wants a pattern for the fixtures, of which none are used.
afterAll(({}, { file }) => {
  removeFolders();
  file.meta.cpuSeconds = cpuSeconds() - before;
});

/** This process's, and its ended children's. */
function cpuSeconds(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / 100;
}
