import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isSnapledgerError } from "../../src/errors.ts";
import { parseXml } from "../../src/xml/parse.ts";
import { Drawn } from "../damage/drawn.ts";
import { freshFolder } from "../folders.ts";
import { bytesOf } from "../xml.ts";
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
    const check = (drawn: Drawn) => {
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
    const bytes = readable(new Drawn(seed));
    if (bytes === undefined) continue;
    files.push(join(folder, `${seed}.xml`));
    writeFileSync(files.at(-1) ?? "", bytes);
  }
  const { status, stderr } = spawnSync("xmllint", ["--noout", "--nonet", ...files], { encoding: "utf8" });
  const wrong = stderr.split("\n").filter((line) => line.includes("parser error"));
  expect([status, wrong]).toEqual([0, []]);
});

const most = 1024 * 1024;
const filled = (before: string, unit: string, after: string) => {
  const times = Math.floor((most - before.length - after.length) / Buffer.byteLength(unit));
  return before + unit.repeat(times) + after;
};

describe("a document as large as one may be", () => {
  it.each([
    ["elements side by side", filled("<a>", "<b/>", "</a>")],
    ["elements, nested as deep as they may be", filled("<a>", `${"<b>".repeat(60)}${"</b>".repeat(60)}`, "</a>")],
    ["attributes", filled("<a", ` b='1'`, "/>")],
    ["an attribute", filled("<a b='", "x", "'/>")],
    ["different attributes", `<a ${Array.from({ length: 60_000 }, (_, i) => `b${i}='1'`).join(" ")}/>`],
    ["references", filled("<a>", "&amp;", "</a>")],
    ["references in an attribute", filled("<a b='", "&#10;", "'/>")],
    ["ampersands that begin nothing", filled("<a>", "&", "</a>")],
    ["comments", filled("<a>", "<!---->", "</a>")],
    ["CDATA sections", filled("<a>", "<![CDATA[]]>", "</a>")],
    ["instructions", filled("<a>", "<?p?>", "</a>")],
    ["newlines", filled("<a>", "\n", "</b>")],
    ["open elements", filled("", "<a>", "")],
    ["quotes", filled("<a b=", `"'`, ">")],
    ["brackets", filled("<a>", "]", "]>")],
    ["open angles", filled("<a>", "<", "")],
    ["a name", filled("<", "x", "/>")],
    ["bytes that are no UTF-8", Buffer.alloc(most, 0xff)],
    ["entities that would grow a billionfold", `<!DOCTYPE a [${filled("", '<!ENTITY b "&a;&a;">', "")}`.slice(0, most)],
  ])("of %s takes a bounded time of the processor", (_, document) => {
    const bytes = typeof document === "string" ? bytesOf(document) : document;
    const before = process.cpuUsage();
    try {
      parseXml(bytes);
    } catch (error) {
      expect(isSnapledgerError(error, "INVALID_XML")).toBe(true);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(4);
  });
});

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
