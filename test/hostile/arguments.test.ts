import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verbs } from "../../src/cli/verbs.ts";
import { Inside } from "../support/in-process-cli.ts";
import { withStore } from "../support/scene.ts";
import { Random } from "../support/random.ts";
import { countOf, seedOr } from "../support/sample.ts";
import { freshFolder } from "../support/folders.ts";

/** Any words at all: a result or a coded refusal, and no file but those that were asked for. */

const folder = freshFolder();
const [before, home, store] = [process.cwd(), process.env["HOME"], process.env["SNAPLEDGER_STORE"]];
beforeAll(() => {
  process.chdir(folder);
  process.env["HOME"] = folder;
  process.env["SNAPLEDGER_STORE"] = join(folder, "store");
});
afterAll(() => {
  process.chdir(before);
  process.env["HOME"] = home;
  if (store === undefined) delete process.env["SNAPLEDGER_STORE"];
  else process.env["SNAPLEDGER_STORE"] = store;
});

const words = [
  ...[
    "web",
    "a",
    "b",
    "nope",
    "",
    " ",
    "--",
    "-x",
    "-",
    "--=",
    "=",
    "--json",
    "--plan",
    "--help",
    "-h",
    "--version",
    "--json=",
  ],
  ...[
    "__proto__",
    "constructor",
    "x".repeat(100_000),
    "\ud800",
    "a\nb",
    "\u001b[2J",
    "%s%n",
    "json:{}",
    "a:b",
    "$(id)",
    "*",
  ],
  ...[
    "0",
    "-1",
    "1",
    "5",
    "1e9",
    "99999999999999999999",
    "0x10",
    "NaN",
    "2026-11-25",
    "--reason",
    "--reason=",
    "--at",
    "--wait=0",
  ],
  ...[
    "--store",
    "--ticket=\u202e",
    "--command-id=",
    "--expect-revision",
    "--accept-rollback",
    "--no-start",
    "-o",
    "vda=/x",
    "vda=",
  ],
];

/** Those that work on a store's own files, and are tried as processes; and what would wait. */
const apart = [
  "shell",
  "init",
  "backup",
  "restore",
  "salvage",
  "verify",
  "checkpoint",
  "prove",
  "prove-consistent",
  "key",
  "export-evidence",
];
const waits = new Set(["--follow", "-f, --follow"]);

async function drawnArguments(drawn: Random): Promise<string[]> {
  const verb = drawn.one([...verbs.keys()].filter((name) => !apart.includes(name)));
  const options = (await verbs.get(verb)!.load()).verb.options ?? [];
  const own = options
    .map(([flags]) => flags)
    .filter((flags) => !waits.has(flags))
    .map((flags) => /--[a-z-]+/.exec(flags)?.[0] ?? "");
  const given = Array.from({ length: drawn.below(6) }, () => {
    if (own.length === 0 || drawn.chance(60)) return drawn.one(words);
    return drawn.chance(30) ? `${drawn.one(own)}=${drawn.one(words)}` : drawn.one(own);
  });
  const usual = drawn.chance(70) ? ["web", ...(drawn.chance(50) ? ["a"] : [])] : [];
  const all = [verb, ...usual, ...given].filter((word) => word !== "-"); // nobody types anything here
  if (drawn.chance(10)) all.reverse();
  return all;
}

describe("arguments", () => {
  it("of any kind end in a result or a coded refusal, and in no file that was not named", async () => {
    const statuses: Record<number, number> = {};
    let inside = new Inside();
    const count = countOf({ usual: 600, whole: 20_000 });
    const first = seedOr(1);
    for (let seed = first; seed < first + count; seed++) {
      if ((seed - first) % 100 === 0) {
        inside = new Inside();
        await inside.ok("define", "--name", "web", "--driver", "memory", "--disk", "vda=/x");
        for (const name of ["a", "b"]) await inside.ok("snapshot-create-as", "web", name, "--offline");
      }
      const args = await drawnArguments(new Random(seed));
      const { status, stderr } = await inside.run(...args);
      statuses[status] = (statuses[status] ?? 0) + 1;
      expect({ seed, args, status, stderr }).toEqual({
        seed,
        args,
        status: expect.toSatisfy((code: number) => code >= 0 && code <= 6) as unknown,
        stderr:
          status === 0 ? stderr : (expect.stringMatching(/error \[[A-Z_]+\] |"code":"[A-Z_]+"|warning/) as unknown),
      });
      expect({ seed, args, fault: /^error: |"code":null|^ +at .*:\d+:\d+/m.test(stderr) }).toEqual({
        seed,
        args,
        fault: false,
      });
      const named = args.flatMap((word) => [word, word.split("=").slice(1).join("=")]);
      const unnamed = readdirSync(folder).filter((file) => !named.some((word) => word.includes(file)));
      expect({ seed, args, unnamed: unnamed.filter((file) => file !== "store") }).toEqual({ seed, args, unnamed: [] });
    }
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(["0", "2", "3", "4"]));
    for (const code of [0, 2]) expect(statuses[code]).toBeGreaterThan(count / 20);
  });

  it("of a verb that works on a store's files do the same, as processes", { timeout: 120_000 }, async () => {
    const terminal = await withStore();
    const tried: readonly (readonly string[])[] = [
      ...[
        ["backup", ""],
        ["restore", "nope"],
        ["salvage", "store"],
        ["init", "--", "extra"],
      ],
      ...[
        ["prove", "-1"],
        ["checkpoint", "--", "-x"],
        ["verify", "--head", "%s"],
        ["export-evidence", "__proto__", "-o", "x"],
      ],
    ];
    for (const args of tried) {
      const { status, stderr } = await terminal.run(...args);
      expect({ args, status, stderr }).toEqual({
        args,
        status: expect.toSatisfy((code: number) => code >= 1 && code <= 6) as unknown,
        stderr: expect.stringMatching(/^error \[[A-Z_]+\] .*\nhint: .*\n$/) as unknown,
      });
    }
    expect(readdirSync(terminal.home)).toEqual(expect.arrayContaining(["store"]));
    expect(readdirSync(terminal.home).filter((name) => name !== "store" && !name.startsWith("."))).toEqual([]);
  });
});
