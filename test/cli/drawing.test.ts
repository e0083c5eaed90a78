import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { escapeDocument, escapeJson, escapeLine, escapeXml } from "../../src/cli/output/escape.ts";
import { nearest } from "../../src/cli/input/nearest.ts";
import { columnsOf, fieldLines, tableLines } from "../../src/cli/output/table.ts";
import { treeLines } from "../../src/cli/output/tree.ts";
import type { TreeNode } from "../../src/cli/output/tree.ts";
import { parseDomainSnapshot } from "../../src/xml/domainsnapshot.ts";

/** `b:a` is a snapshot b on a; the order given is the order of siblings. */
function nodes(...specs: readonly string[]): TreeNode[] {
  return specs.map((spec) => {
    const [name = "", parent] = spec.split(":");
    return { id: name, name, parent: parent === undefined ? null : { id: parent } };
  });
}

describe("the tree", () => {
  it("is drawn as virsh 9.0 draws it", () => {
    const drawn = treeLines(nodes("b1:s1", "b2:b1", "c:s3", "s1", "s2:s1", "s3:s1", "z:c"));
    expect(drawn).toEqual([
      "s1",
      "  |",
      "  +- b1",
      "  |   |",
      "  |   +- b2",
      "  |     ",
      "  +- s2",
      "  +- s3",
      "      |",
      "      +- c",
      "          |",
      "          +- z",
      "            ",
    ]);
  });

  it("has an empty line after a root that stands alone", () => {
    expect(treeLines(nodes("a", "b"))).toEqual(["a", "", "b", ""]);
  });

  it("takes a snapshot whose parent is not listed as a root", () => {
    expect(treeLines(nodes("b:a"))).toEqual(["b", ""]);
  });

  it("keeps the output of a chain of 5,000 in proportion to its length", () => {
    const chain = Array.from({ length: 5000 }, (_, i) => (i === 0 ? "s0" : `s${i}:s${i - 1}`));
    const lines = treeLines(nodes(...chain));
    expect(lines.filter((line) => line.includes("s"))).toHaveLength(5000);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(150);
    expect(lines).toContain("[30] +- s30");
  });
});

describe("beside virsh", async () => {
  const virsh = await connectToTestDriver();

  it.skipIf(virsh === undefined)("the tree and the names come out the same (needs libvirt-clients)", async () => {
    // Each `on` is a snapshot that exists already, or none for the first.
    const made: readonly (readonly [name: string, on?: string])[] = [
      ...([["m"], ["k", "m"], ["a", "m"], ["é", "a"], ["a2", "a"], ["z9", "k"], ["Z1", "k"], ["z10", "z9"]] as const),
      ...([
        ["q", "z10"],
        ["r", "z10"],
      ] as const),
    ];
    const commands = made.map(
      ([name, on]) => `${on === undefined ? "" : `snapshot-revert test ${on}; `}snapshot-create-as test ${name}`,
    );
    const drawn = await virsh?.(`${commands.join("; ")}; echo ==; snapshot-list test --tree`);
    const sorted = [...made].sort(([a], [b]) => (a < b ? -1 : 1));
    const ours = treeLines(nodes(...sorted.map(([name, on]) => (on === undefined ? name : `${name}:${on}`))));
    expect(`${ours.join("\n")}\n`).toBe(drawn?.slice(drawn.indexOf("==\n") + 3).replace(/\n$/, ""));
  });
});

/** virsh on libvirt's own in-memory driver, which needs no daemon; undefined when it is not installed. */
async function connectToTestDriver(): Promise<((commands: string) => Promise<string>) | undefined> {
  const run = async (commands: string) =>
    (await promisify(execFile)("virsh", ["-c", "test:///default", commands])).stdout;
  return run("version").then(
    () => run,
    () => undefined,
  );
}

describe("a table", () => {
  it("has virsh's columns and rule", () => {
    expect(tableLines(["Name", "State"], [["before-upgrade", "shutoff"]])).toEqual([
      " Name             State",
      "---------------------------",
      " before-upgrade   shutoff",
    ]);
  });

  it("counts wide characters as two columns and combining marks as none", () => {
    const [, , wide, combined] = tableLines(["Name", "State"], [["雪雪", "x"], ["e\u0301e\u0301", "x"]]); // prettier-ignore
    expect([wide, combined]).toEqual([" 雪雪   x", " e\u0301e\u0301     x"]);
  });

  it("counts columns as the C library does, which is how virsh aligns", () => {
    const counted: Record<string, number> = {
      "👩💻": 4,
      "⌚": 2,
      "䷀": 2,
      "\u{20000}": 2,
      "🖥": 1,
      "\u200d": "\\u{200d}".length,
      각: 2,
    };
    for (const [text, columns] of Object.entries(counted)) expect([text, columnsOf(text)]).toEqual([text, columns]);
  });

  it("aligns fields as virsh's info verbs do", () => {
    expect(fieldLines([["Name", "s1"]])).toEqual(["Name:           s1"]);
  });
});

describe("hostile text", () => {
  it("never reaches a terminal as anything but visible characters", () => {
    expect(escapeLine("a\u001b[2Jb\nc\u202ed\u009be\u007f")).toBe("a\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{9b}e\\u{7f}");
    expect(escapeDocument("<a>\n\t\r\u0007")).toBe("<a>\n\t\\u{d}\\u{7}");
    expect(escapeXml("<a>\n\t\r\u0085\u202e")).toBe("<a>\n\t&#xd;&#x85;&#x202e;");
  });

  it("shows what cannot be seen, all of it that Unicode knows", () => {
    expect(escapeLine("a\u200bb\u3164\u{e0041}")).toBe("a\\u{200b}b\\u{3164}\\u{e0041}");
    for (let point = 0xa0; point <= 0x10ffff; point++) {
      const character = String.fromCodePoint(point);
      const seen = escapeLine(character) === character;
      const hidden = /[\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/u.test(character);
      if (seen === hidden) expect.fail(`U+${point.toString(16)} is ${seen ? "not " : ""}escaped`);
    }
  });

  it("is escaped in XML in a way that reads back the same", () => {
    const description = "a\u200bb\u202ec\u{e0041}\u009b";
    const xml = escapeXml(`<domainsnapshot>\n\t<description>${description}</description>\n</domainsnapshot>`);
    expect(xml).toMatch(/^[\x20-\x7e\n\t]*$/);
    expect(parseDomainSnapshot(new TextEncoder().encode(xml))).toMatchObject({ description });
  });

  it("leaves ordinary text of every script as it is", () => {
    for (const text of ["снимок", "雪", "é", "👩💻", "עברית", 'a"b\\c']) expect(escapeLine(text)).toBe(text);
  });

  it("is escaped in JSON in a way that parses to the same value", () => {
    const value = { name: "\u009b\u202e\u2028\u007f\u001b\ud800\u200b\u{e0041}" };
    const json = escapeJson(JSON.stringify(value, null, 2));
    expect(json).toMatch(/^[\x20-\x7e\n]*$/);
    expect(JSON.parse(json)).toEqual(value);
  });
});

describe("what was probably meant", () => {
  it("is the verb with the fewest changed letters", () => {
    const verbs = ["snapshot-list", "snapshot-info", "list", "log"];
    expect(nearest("snapshot-lst", verbs)).toBe("snapshot-list");
    expect(nearest("lsit", verbs)).toBe("list");
  });

  it("is nothing when nothing is near", () => {
    expect(nearest("frobnicate", ["list", "log"])).toBeUndefined();
  });
});
