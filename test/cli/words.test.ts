import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSnapledgerError } from "../../src/errors.ts";
import { linesOf, mostBytes } from "../../src/cli/shell/lines.ts";
import { completionOf } from "../../src/cli/shell/completion.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { scanWords, splitWords } from "../../src/cli/shell/words.ts";

function refusal(text: string): string {
  try {
    return `taken: ${JSON.stringify(splitWords(text))}`;
  } catch (error) {
    if (isSnapledgerError(error, "USAGE")) return error.message;
    throw error;
  }
}

describe("the words of a line", () => {
  it.each([
    ["", []],
    ["  \t ", []],
    ["# list", []],
    ["list # all of them", ["list"]],
    ["a#b", ["a#b"]],
    ["snapshot-info web 'before upgrade'", ["snapshot-info", "web", "before upgrade"]],
    [String.raw`'it'\''s' "a \"b\" \c"`, ["it's", String.raw`a "b" \c`]],
    [String.raw`two\ words \# \\`, ["two words", "#", "\\"]],
    ["a '' \"\" b", ["a", "", "", "b"]],
    ["'a'b\"c\"", ["abc"]],
    ["$HOME `id` * ~ a=b", ["$HOME", "`id`", "*", "~", "a=b"]],
    ["'$(id); | &'", ["$(id); | &"]],
    ["a \\\n b", ["a", "b"]],
    ["'a\nb'", ["a\nb"]],
    ["# it's\n'b'", ["b"]],
  ])("%j are %j", (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });

  it.each([
    ["list | grep x", "At column 6: | is no part of a command here."],
    ["list;", "At column 5: ; is no part of a command here."],
    ["list >x", "At column 6: > is no part of a command here."],
    ["log 'web", "The single quote at column 5 is not finished."],
    ['log "web\\"', "The double quote at column 5 is not finished."],
    ["log \\", "The backslash at column 5 is not finished."],
    ["log 'a\nb' \"c", "The double quote at line 2, column 4 is not finished."],
  ])("%j are refused", (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it("are those that a POSIX shell makes of it", () => {
    const character = fc.constantFrom("a", "b", "-", " ", "  ", "\t", "'", '"', "\\", "#", "\n", "ä", "''");
    const finished = fc
      .array(character, { maxLength: 14 })
      .map((parts) => parts.join(""))
      // A newline that is not quoted ends a command: the shell that reads lines never hands one over.
      .filter((text) => scanWords(text).open === null && !/\n/.test(withoutQuoted(text)));
    const samples = fc.sample(finished, { numRuns: 300, seed: 6 });
    const script = samples.map((text) => `printf '%s\\0' x ${text}\nprintf '\\1'`).join("\n");
    const said = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).split("\u0001").slice(0, -1);
    const theirs = said.map((words) => words.split("\0").slice(1, -1));
    expect(theirs).toHaveLength(samples.length);
    for (const [i, text] of samples.entries()) expect([text, splitWords(text)]).toEqual([text, theirs[i]]);
  });
});

/** What is left when quotes with what they hold, and what a backslash makes plain, are taken out. */
function withoutQuoted(text: string): string {
  return text.replace(/\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"/g, "");
}

describe("the lines of a script", () => {
  async function lines(...chunks: readonly Buffer[]): Promise<string[]> {
    const all: string[] = [];
    // eslint-disable-next-line @typescript-eslint/require-await
    const source = (async function* () {
      yield* chunks;
    })();
    for await (const line of linesOf(source)) all.push(line);
    return all;
  }

  it("are whole however they arrive, with either end", async () => {
    const bytes = Buffer.from("lïst\r\n\nhead\nlog");
    const each = [...bytes].map((byte) => Buffer.from([byte]));
    expect(await lines(...each)).toEqual(["lïst", "", "head", "log"]);
    expect(await lines(bytes)).toEqual(["lïst", "", "head", "log"]);
    expect(await lines()).toEqual([]);
  });

  it("are refused when they are no text, or have no end", async () => {
    await expect(lines(Buffer.from([0x6c, 0xff, 0x0a]))).rejects.toThrow("not UTF-8");
    const zeros = Array.from({ length: 3 }, () => Buffer.alloc(mostBytes / 2));
    await expect(lines(...zeros)).rejects.toThrow("longer than 128 KiB");
  });
});

describe("completion", () => {
  const asked: string[] = [];
  const names = {
    domains: (store: string | undefined) => {
      asked.push(store ?? "the shell's");
      return Promise.resolve(["web", "web two", "db", "\u001b[31mred"]);
    },
    snapshots: (_: string | undefined, domain: string) =>
      Promise.resolve(domain === "web two" ? ["it's", "before upgrade"] : domain === "web" ? ["a", "b"] : []),
  };
  const complete = (line: string) => completionOf(line, names, verbs);

  it.each([
    ["snapshot-li", ["snapshot-list "], "snapshot-li"],
    ["snapledger qui", ["quit "], "qui"],
    ["help snapshot-cu", ["snapshot-current "], "snapshot-cu"],
    ["dominfo d", ["db "], "d"],
    ["dominfo w", ["web", "web\\ two"], "w"],
    ["dominfo 'web t", ["'web two' "], "'web t"],
    ["snapshot-info 'web two' ", ["before\\ upgrade", "it\\'s"], ""],
    ["snapshot-info web\\ two 'i", ["'it'\\''s' "], "'i"],
    ["snapshot-list web --from ", ["a", "b"], ""],
    ["snapshot-list --from x web --tr", ["--tree "], "--tr"],
    ["--reason because snapshot-deactivate web --merge b", ["b "], "b"],
    ["snapshot-create-as web ", [], ""],
    ["snapshot-create-as web a --compress-method ", ["zlib", "zstd"], ""],
    ["define --name new --driver m", ["memory "], "m"],
    ["define --accel k", ["kvm "], "k"],
    ["export --format o", ["ocsf "], "o"],
    ["log --type SnapshotD", ["SnapshotDeactivated", "SnapshotDiscarded"], "SnapshotD"],
    ["dominfo nobody ", [], ""],
    ["frobnicate ", [], ""],
    ["list | ", [], ""],
    ["dominfo \\", [], ""],
  ])("of %j is %j", async (line, candidates, typed) => {
    expect(await complete(line)).toEqual([candidates, typed]);
  });

  it("leaves out what a terminal would act on, and asks the store that the line names", async () => {
    expect((await complete("dominfo ")).at(0)).toEqual(["db", "web", "web\\ two"]);
    asked.length = 0;
    await complete("dominfo --store /srv/other w");
    expect(asked).toEqual(["/srv/other"]);
  });

  it("of very many shows some, which begin alike as far as all do", async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `s${i + 1000}`);
    const [candidates] = await completionOf(
      "snapshot-info web s",
      {
        ...names,
        snapshots: () => Promise.resolve(many),
      },
      verbs,
    );
    expect([candidates.length, candidates[0], candidates.at(-1)]).toEqual([200, "s1000", "s1999"]);
  });
});
