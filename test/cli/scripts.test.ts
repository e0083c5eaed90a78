import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./clone.ts";

const scriptsTest = (...args: string[]) => spawnSync(join(root, "scripts/test"), args, { encoding: "utf8" });

describe("scripts/test", () => {
  it("says what there is", () => {
    const { status, stdout } = scriptsTest("--help");
    expect([status, stdout]).toEqual([0, expect.stringContaining("./scripts/test --node VERSION")]);
  });

  it.each([["--fast"], [""], ["--node"], ["--node", "latest"], ["--node", "22", "24"], ["--help", "me"]])(
    "refuses %s %s %s, and runs nothing",
    (...args) => {
      const { status, stdout, stderr } = scriptsTest(...args);
      expect([status, stdout, stderr]).toEqual([2, "", expect.stringMatching(/^error: .+\nhint: .+--help.+\n$/)]);
    },
  );
});
