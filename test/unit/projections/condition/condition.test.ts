import { readFileSync } from "node:fs";
import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { isSnapledgerError } from "../../../../src/errors.ts";
import { eventFields, snapshotFields, stateFields } from "../../../../src/projections/condition/fields.ts";
import { parseCondition, parseExpression } from "../../../../src/projections/condition/parse.ts";
import { hang } from "../../../support/big-trees.ts";
import { Historian } from "../../../support/histories.ts";

/** root <- db <- web, and lone; current is none. */
const state = hang([null, 0, 1, null], (i) => ["root", "db", "web", "lone"][i]!);
const event = new Historian().records[0]!;
const holds = (text: string) => parseCondition(text).holds({ state, event });

describe("a condition", () => {
  test.each([
    ["snapshots.count == 4", true],
    ["snapshots.count > 4", false],
    ["snapshots.count >= 4 and snapshots.roots == 2", true],
    ["snapshots.roots == 1 or snapshots.leaves == 2", true],
    ["true or false and false", true],
    ["(true or false) and false", false],
    ["not true or true", true],
    ["not (true or true)", false],
    ["!false && !false || false", true],
    ["current == null", true],
    ['current == "db"', false],
    ['current < "zzz"', false],
    ['guest == "off"', true],
    ["guest != 'off'", false],
    ['snapshots.names contains "db"', true],
    ['snapshots.names contains "d"', false],
    ['name contains "vm-"', true],
    ['snapshot("db")', true],
    ['snapshot("nope")', false],
    ['snapshot("web").parent == "db"', true],
    ['snapshot("nope").parent == null', true],
    ['snapshot("nope").children > 0', false],
    ['snapshot("db").children == 1 and snapshot("db").active', true],
    ["layers.count < 1 KiB and 1 KiB == 1024 and 0.5 KiB == 512", true],
    ["defined", true],
    ['event.type == "LogCreated" and event.position == 1', true],
    ["event.rule == null", true],
    ['"a\\"b" == \'a"b\'', true],
  ])("%s is %s", (text, expected) => expect(holds(text)).toBe(expected));

  test.each([
    ["", 1, "a value is expected here"],
    ["current =", 9, "to compare is `==`"],
    ['current = "db"', 9, "to compare is `==`"],
    ["current ==", 11, "a value is expected here"],
    ["current == db", 12, 'there is no "db"'],
    ['current == "db', 12, "the text that begins here has no end"],
    ["curent == null", 1, 'there is no "curent"'],
    ["snapshots.count", 1, "this is a number"],
    ["snapshots.", 11, "a word is expected after the dot"],
    ["snapshots.count > 'x'", 17, "a number cannot be compared with a text"],
    ["current > 5", 9, "a text cannot be compared with a number"],
    ["snapshots.count > 1 > 2", 21, "nothing more is expected here"],
    ["snapshots.count > 1 2", 21, "nothing more is expected here"],
    ["(defined", 9, '")" is expected here'],
    ["defined)", 8, "nothing more is expected here"],
    ["snapshot(db)", 10, "a name in quotes is expected here"],
    ['snapshot("db").colour', 16, "a snapshot has parent"],
    ["not 5", 1, '"not" turns'],
    ["defined and 5", 13, '"and" and "or" join'],
    ["defined; process.exit()", 8, "nothing begins with"],
    ["constructor.constructor", 1, 'there is no "constructor.constructor"'],
    ["__proto__", 1, "nothing begins with"],
    ["snapshots.names == snapshots.names", 17, "a list of names cannot be compared"],
    ["snapshots.count contains 5", 17, '"contains" looks for'],
    [`${"(".repeat(60)}defined${")".repeat(60)}`, 51, "nested more than 50 deep"],
    [`${"not ".repeat(60)}defined`, 197, "nested more than 50 deep"],
    ["d".repeat(2001), 1, "longer than 2000"],
  ])("%s is refused at column %i", (text, column, why) => {
    const error = refusal(text);
    expect(error.message).toContain(why);
    expect(error.facts["column"]).toBe(column);
    expect(error.message).toContain(`column ${column} `);
  });

  test.prop([fc.string({ maxLength: 80 })])("of any text is refused with a column, or can be asked", (text) => {
    expectAnswer(text);
  });

  const words = fc.constantFrom(
    "and",
    "or",
    "not",
    "(",
    ")",
    "==",
    ">",
    "contains",
    '"db"',
    "5",
    "null",
    ".",
    "event.type",
  );
  const parts = fc.oneof(words, fc.constantFrom(...stateFields.keys(), 'snapshot("db").parent', 'snapshot("db")'));
  test.prop([fc.array(parts, { maxLength: 12 })])("of any words is refused with a column, or can be asked", (some) => {
    expectAnswer(some.join(" "));
  });

  test("every field gives what it says it is", () => {
    const snapshots = [...snapshotFields.keys()].map((field) => `snapshot("db").${field}`);
    for (const name of [...stateFields.keys(), ...eventFields.keys(), ...snapshots]) {
      const { kind, valueOf } = parseExpression(name);
      const value = valueOf({ state, event });
      const is = Array.isArray(value)
        ? "list"
        : { string: "text", number: "number", boolean: "flag" }[typeof value as string];
      expect([name, value === null ? kind : is]).toEqual([name, kind]);
    }
  });
});

function refusal(text: string) {
  try {
    parseCondition(text);
  } catch (error) {
    if (isSnapledgerError(error, "INVALID_CONDITION")) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

function expectAnswer(text: string): void {
  try {
    expect(typeof holds(text)).toBe("boolean");
  } catch (error) {
    if (!isSnapledgerError(error, "INVALID_CONDITION")) throw error;
    const { column } = error.facts as { column: number };
    expect(column).toBeGreaterThan(0);
    expect(column).toBeLessThanOrEqual(text.length + 1);
  }
}

describe("docs/investigating.md", () => {
  test("lists every field with what it is", () => {
    const page = readFileSync(new URL("../../../../docs/investigating.md", import.meta.url), "utf8");
    const own = [...snapshotFields].map(([name, field]) => [`snapshot("name").${name}`, field] as const);
    for (const [name, { what }] of [...stateFields, ...own, ...eventFields]) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` `));
      expect(row).toContain(what);
    }
  });
});
