import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { withStoreOption, cliCommand, shellQuote } from "../../src/errors.ts";

const word = fc
  .array(
    fc.constantFrom("a", "-", "é", "'", '"', "`", "`snapledger list`", "\\", "$(id)", ";", " ", "!", "*", "~", "#"),
    {
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(""));

it("a word is one word for a shell, whatever it holds", () => {
  const words = fc.sample(word, { numRuns: 300, seed: 3 });
  const said = execFileSync("/bin/sh", ["-c", `printf '%s\\0' ${words.map(shellQuote).join(" ")}`], {
    encoding: "utf8",
  });
  expect(said.split("\0").slice(0, -1)).toEqual(words);
});

it("what needs no quotes has none", () => {
  expect(cliCommand("snapshot-info", "web", "before-upgrade_2", "--at", "12")).toBe(
    "`snapledger snapshot-info web before-upgrade_2 --at 12`",
  );
  expect(cliCommand("destroy", "my vm's $(id)")).toBe("`snapledger destroy 'my vm'\\''s $(id)'`");
});

it("every command in a hint gets the store, and nothing else does", () => {
  const hint =
    "Stop it: `snapledger destroy web`. See 'snapledger list', or `qemu-img info x`; then `snapledger list`.";
  expect(withStoreOption(hint, "/a b")).toBe(
    "Stop it: `snapledger --store '/a b' destroy web`. See 'snapledger list', or `qemu-img info x`; then `snapledger --store '/a b' list`.",
  );
  expect(withStoreOption(hint, undefined)).toBe(hint);
  fc.assert(
    fc.property(word, word, word, (first, second, store) => {
      const told = withStoreOption(
        `Do ${cliCommand("destroy", first, second)}, or ${cliCommand("log", second)}.`,
        store,
      );
      const [destroy, log] = [
        cliCommand("--store", store, "destroy", first, second),
        cliCommand("--store", store, "log", second),
      ];
      expect(told).toBe(`Do ${destroy}, or ${log}.`);
    }),
  );
});
