import { beforeAll, describe, expect, it } from "vitest";
import type { DomainDiff } from "../../src/connection/api.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, withTree } from "../support/scene.ts";

describe("diff", () => {
  let web: Terminal;
  let before: string;
  let after: string;
  beforeAll(async () => {
    web = await withTree();
    before = String(await logLength(web));
    await web.ok("snapshot-deactivate", "web", "b", "--delete");
    await web.ok("snapshot-deactivate", "web", "a", "--merge");
    await web.ok("snapshot-create-as", "web", "d", "--offline");
    after = String(await logLength(web));
  });

  it("draws both trees in one, with marks", async () => {
    const lines = (await web.ok("diff", before, after, "web")).split("\n");
    expect(lines.slice(0, 4)).toEqual(["web", "~ root", "  |", '  +- > c (was on "a")']);
    expect(lines.map((line) => line.replaceAll("|", "").trim())).toEqual(
      expect.arrayContaining(["+- + d *", "+- - b"]),
    );
    expect(lines).toContain('  current: "c" -> "d"');
    expect(
      lines.filter((line) => /^ {2}file (added|gone|rewritten|repointed): \/.*qcow2$/.test(line)).length,
    ).toBeGreaterThan(2);
  });

  it("goes both ways, and says it as JSON with patches", async () => {
    const { domains } = (await web.json("diff", after, before)) as { domains: DomainDiff[] };
    expect(domains).toMatchObject([{ name: "web", current: { from: { name: "d" }, to: { name: "c" } } }]);
    expect(domains[0]?.added.map(({ name }) => name).sort()).toEqual(["a", "b"]);
    expect(domains[0]?.patches.length).toBeGreaterThan(4);
  });

  it("says when nothing is different, and what a definition is", async () => {
    expect(await web.ok("diff", before, before)).toMatch(/^Nothing is different between position/);
    expect(await web.ok("diff", "1", "3")).toMatch(/^web: defined\n/);
    expect(await web.ok("diff", "3", "1")).toMatch(/^web: undefined\n/);
  });

  it.each([
    [["1", "9999"], 4, "POSITION_NOT_FOUND"],
    [["1", "2", "nobody"], 4, "DOMAIN_NOT_FOUND"],
    [["x", "2"], 2, "USAGE"],
  ])("%j exits %i", async (args, status, code) => {
    const ran = await web.run("diff", ...args);
    expect([ran.status, ran.stdout]).toEqual([status, ""]);
    expect(ran.stderr).toContain(`error [${code}] `);
  });
});
