import { describe, expect, test } from "vitest";
import {
  create,
  created,
  createdWritten,
  deactivate,
  discard,
  domainDefined,
  given,
  leftHalfway,
  merge,
  start,
  startFrom,
  tampered,
  undefine,
  written,
} from "./given.ts";

describe("a frozen file that changed behind the log", () => {
  const story = [domainDefined(), createdWritten("a"), created("b")] as const;
  const hint = /^Put back what was there from a backup, .* touch -d @\d+\.\d{9} /;

  test.each([
    ["a merge", merge("b")],
    ["a merge into the base", merge("a")],
    ["a start", start()],
    ["a start from a snapshot", startFrom("b", { start: false })],
  ])("refuses %s, naming the file and in what it differs", (_, command) => {
    const { message } = given(...story, tampered("a"))
      .when(command)
      .refuses("FILES_CHANGED", { domain: "vm" }, hint);
    expect(message).toMatch(
      /^Frozen files of domain "vm" changed behind its log: \/layers\/.* has time of change 1970-01-01T00:00:00\.000000009Z, not \S+Z\.$/,
    );
  });

  test.each([
    ["taking a snapshot", create("c", { offline: true })],
    ["a deactivation", deactivate("b")],
    ["giving it up", discard("b")],
    ["undefining all", undefine("discard-all")],
  ])("does not keep anybody from %s", (_, command) => {
    expect(given(...story, tampered("a")).when(command).accepted).toBeDefined();
  });

  test("with a time that no calendar has is told by its seconds", () => {
    const { message } = given(...story, tampered("a", "vda", "9999999999999000000007"))
      .when(start())
      .refuses("FILES_CHANGED");
    expect(message).toContain("time of change @9999999999999.000000007, not ");
  });

  test("is told with all others; of more than ten the rest is counted", () => {
    const disks = Array.from({ length: 12 }, (_, i) => `vd${String.fromCharCode(97 + i)}`);
    const many = disks.map((target) => tampered(null, target));
    const { message, facts } = given(domainDefined(disks), created("a"), ...many)
      .when(merge("a"))
      .refuses("FILES_CHANGED");
    expect(message).toMatch(/\. 2 more files changed, too\.$/);
    expect(facts["changed"]).toHaveLength(12);
  });
});

describe("a head that its last user left half-way", () => {
  const story = [domainDefined(), created("a"), written(), leftHalfway()] as const;
  const repairs = [{ target: "vda", path: expect.stringMatching(/^\/layers\//) as string }];

  test.each([
    ["a new snapshot's layer", create("b", { offline: true })],
    ["an autosave's layer, before a start from elsewhere", startFrom("a", { start: false })],
    ["an autosave's layer, before a deactivation", deactivate("a")],
  ])("is repaired before it becomes %s", (_, command) => {
    expect(given(...story).when(command).accepted.plan.repairs).toEqual(repairs);
  });

  test("is left as it is by what drops it, and by what leaves it a head", () => {
    for (const command of [startFrom("a", { start: false, discardChanges: true }), merge("a"), start()])
      expect(given(...story).when(command).accepted.plan.repairs).toBeUndefined();
  });
});
