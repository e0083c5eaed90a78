import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Random } from "../support/random.ts";
import { freshFolder } from "../support/folders.ts";
import { campaigns, run } from "./soak.ts";
import { readable } from "./xml.ts";

/** A sample of each campaign; `npm run soak:hostile` takes a million. */
describe("hostile input", () => {
  it.each(campaigns.map((campaign) => [campaign.name, campaign] as const))(
    "of the campaign %s is dealt with as promised",
    async (_, campaign) => {
      const { outcomes, findings } = await run(campaign, 1, 1000);
      expect(findings).toEqual([]);
      const counts = Object.values(outcomes).sort((a, b) => b - a);
      expect(counts[1]).toBeGreaterThan(100);
    },
  );

  it("goes on after a finding, and says which input it was", async () => {
    const check = (drawn: Random) => {
      if (drawn.below(10) === 0) throw new Error("too small");
      return "fine";
    };
    const { findings, count } = await run({ name: "made up", soak: 0, check }, 1, 40);
    expect([count, findings.length > 0 && findings.length < 40, findings[0]]).toEqual([
      40,
      true,
      expect.stringMatching(/^made up \d+: Error: too small/),
    ]);
  });
});

const haveXmllint = spawnSync("xmllint", ["--version"]).status === 0;

it.skipIf(!haveXmllint)("what is read as XML here is well-formed for libxml2 too (needs libxml2-utils)", () => {
  const folder = freshFolder();
  const files: string[] = [];
  for (let seed = 1; files.length < 300; seed++) {
    const bytes = readable(new Random(seed));
    if (bytes === undefined) continue;
    files.push(join(folder, `${seed}.xml`));
    writeFileSync(files.at(-1) ?? "", bytes);
  }
  const { status, stderr } = spawnSync("xmllint", ["--noout", "--nonet", ...files], { encoding: "utf8" });
  const wrong = stderr.split("\n").filter((line) => line.includes("parser error"));
  expect([status, wrong]).toEqual([0, []]);
});

it("documents as large as one may be are read or refused to their end, whatever they repeat", () => {
  // The limit is for a reading that would take hours: each step of it once more for every step before.
  const said = execFileSync(process.execPath, ["--import", "tsx", join(import.meta.dirname, "large-documents.ts")], {
    ...{ encoding: "utf8", timeout: 76_000 },
  });
  const lines = said.trimEnd().split("\n");
  expect(lines.filter((line) => !/: (read|INVALID_XML)$/.test(line))).toEqual(["19 documents"]);
  expect(lines).toHaveLength(20);
}, 90_000);

it("the soak runs in two processes and says what it counted", () => {
  const said = execFileSync(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, "soak.ts"), "--only", "records", "--count", "4000"],
    { encoding: "utf8" },
  );
  expect(said).toMatch(
    /^records: 4000 in [\d.]+ s \(\d+\/s\), \{.*\}\n {2}memory \d+ MiB to \d+ MiB, \d+ MiB to \d+ MiB; slowest/,
  );
});
