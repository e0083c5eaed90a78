import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { exitStatusOf } from "../../src/errors.ts";

/** Codes by the exit status under whose heading docs/errors.md explains them and says what to do next. */
function documentedStatuses(): Record<string, number> {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const sections = page.split(/^## /m).slice(1);
  const documented = sections.flatMap((section) => {
    const status = /^(\d+):/.exec(section)?.[1];
    const entries = section.matchAll(/^### ([A-Z_]+)\n\n(?:.+\n)+Next: \S/gm);
    return status === undefined ? [] : Array.from(entries, ([, code]) => [code ?? "", Number(status)] as const);
  });
  return Object.fromEntries(documented);
}

describe("docs/errors.md", () => {
  it("explains every code, under its exit status, with a next step, and no other", () => {
    expect(documentedStatuses()).toEqual(exitStatusOf);
  });
});
