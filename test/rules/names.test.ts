import { describe, expect, test } from "vitest";
import { checkName, checkTarget } from "../../src/commands/rules/names.ts";
import { SnapledgerError } from "../../src/errors.ts";

function refusal(check: () => void): SnapledgerError {
  try {
    check();
  } catch (error) {
    if (error instanceof SnapledgerError) return error;
    throw error;
  }
  return expect.unreachable("was accepted");
}

describe("a name", () => {
  test.each([
    ["letters and digits", "before-upgrade_2"],
    ["digits alone, which stay text", "007"],
    ["one character", "a"],
    ["spaces inside", "before the upgrade"],
    ["dots that name no folder", "..."],
    ["a '-' that does not lead", "a-"],
    ["255 bytes", "a".repeat(255)],
    ["255 bytes of two each and one", `${"é".repeat(127)}a`],
    ["other scripts, composed", "été 雪 עברית 🙂"],
    ["what a shell would expand", "$(reboot) `x` * 'q' \"q\" \\"],
    ["what XML would escape", "<a>&b"],
  ])("may be %s", (_, name) => {
    expect(() => checkName("snapshot", name)).not.toThrow();
  });

  test.each([
    ["empty", "", "is empty"],
    ["256 bytes", "a".repeat(256), "has 256 bytes"],
    ["128 characters of two bytes each", "é".repeat(128), "has 256 bytes"],
    ["a decomposed é", "e\u0301", "normal form C"],
    ["a newline", "a\nb", "control"],
    ["NUL", "a\u0000", "control"],
    ["an escape sequence", "\u001b[31m", "control"],
    ["DEL", "a\u007f", "control"],
    ["a C1 control", "a\u009b", "control"],
    ["a line separator", "a\u2028b", "control"],
    ["a zero-width space", "a\u200bb", "cannot be seen"],
    ["nothing but a Hangul filler", "\u3164", "cannot be seen"],
    ["a tag character", "a\u{e0041}", "cannot be seen"],
    ["a variation selector", "a\ufe0f", "cannot be seen"],
    ["a right-to-left override", "a\u202eb", "direction"],
    ["a direction isolate", "a\u2066b", "direction"],
    ["a left-to-right mark", "a\u200eb", "direction"],
    ["an Arabic letter mark", "a\u061cb", "direction"],
    ["a slash", "a/b", "'/'"],
    ["the folder itself", ".", "folder"],
    ["the folder above", "..", "folder"],
    ["a leading '-', as a flag has", "-a", "'-'"],
    ["a space in front", " a", "space"],
    ["a space at the end", "a ", "space"],
    ["a no-break space at the end", "a\u00a0", "space"],
    ["half a surrogate pair", "a\ud800", "Unicode"],
  ])("is refused, never repaired: %s", (_, name, why) => {
    const error = refusal(() => checkName("snapshot", name));
    expect(error.code).toBe("INVALID_NAME");
    expect(error.message).toContain(why);
    expect(error.facts).toEqual({ name });
    expect(error.hint).toContain("1 to 255 bytes");
  });

  test("is shown escaped and cut short in the refusal", () => {
    const { message } = refusal(() => checkName("domain", `\u001b${"a".repeat(300)}`));
    expect(message).toContain("\\u001b");
    expect(message.length).toBeLessThan(150);
  });
});

describe("a disk's target", () => {
  test.each(["vda", "sdb", "hda1", "vdaa"])("may be %s", (target) => {
    expect(() => checkTarget(target)).not.toThrow();
  });

  test.each(["", "VDA", "1a", "vd a", "vd/a", "__proto__", "a".repeat(17)])("may not be '%s'", (target) => {
    expect(refusal(() => checkTarget(target)).code).toBe("INVALID_NAME");
  });
});
