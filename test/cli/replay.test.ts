import { beforeAll, describe, expect, it } from "vitest";
import type { Bisection } from "../../src/connection/api.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, withTree } from "../support/scene.ts";

let web: Terminal;
beforeAll(async () => {
  web = await withTree();
  await web.ok("snapshot-deactivate", "web", "b", "--delete", "--reason", "too old");
});

describe("bisect", () => {
  it("finds who made a snapshot go away, and says how to look closer", async () => {
    const told = await web.ok("bisect", "web", "--when", 'not snapshot("b") and snapshots.count > 2');
    expect(told).toMatch(
      /^First holds after \(\d+ folds for \d+ events\):\n.*discarded snapshot "b".*\nSee: `snapledger diff /,
    );
    const found = (await web.json("bisect", "web", "--when", "snapshots.count >= 2")) as Bisection;
    expect(found.record).toMatchObject({ type: "SnapshotCreated", data: { snapshot: { name: "a" } } });
  });

  it.each([
    [["web"], 2, "error [USAGE] Say what to look for."],
    [
      ["web", "--when", "curent == 5"],
      2,
      'error [INVALID_CONDITION] At column 1 of the condition: there is no "curent"',
    ],
    [["web", "--when", "snapshots.count > 99"], 4, 'error [POSITION_NOT_FOUND] It does not hold for "web" at the end'],
    [["nobody", "--when", "defined"], 4, "error [DOMAIN_NOT_FOUND] "],
  ])("%j exits %i", async (args, status, message) => {
    const ran = await web.run("bisect", ...args);
    expect([ran.status, ran.stdout, ran.stderr.slice(0, message.length)]).toEqual([status, "", message]);
    expect(ran.stderr).toMatch(/\nhint: \S/);
  });
});

describe("verify --replay", () => {
  it("folds every domain twice, and prints the hash of its state", async () => {
    expect(await web.ok("verify", "--replay")).toMatch(
      /\n1 domain folds from .*\n {2}web at revision \d+: sha256:[0-9a-f]{64}\n$/,
    );
    expect(await web.json("verify", "--replay")).toMatchObject({ ok: true, replay: { ok: true, differs: null } });
  });
});

describe("replay --script", () => {
  it("runs to an event, draws what it changed, and goes back", async () => {
    const script = "watch current; run type SnapshotDiscarded; tree; back 2; tree; next 99; next";
    const lines = (await web.ok("replay", "web", "--script", script)).split("\n");
    const discarded = lines.indexOf("> tree");
    expect(lines.slice(discarded - 2, discarded).join("\n")).toMatch(/discarded snapshot "b".*\n {2}current = "c"$/);
    expect(lines.slice(discarded, discarded + 9).join("\n")).toMatch(/^> tree\nroot\n {2}\|\n {2}\+- a\n/);
    expect(lines).toContain("- b");
    const before = lines.slice(lines.lastIndexOf("> tree"));
    expect(before.map((line) => line.trim())).toContain("+- b");
    expect(lines).toContain("this is the end");
  });

  it("says one JSON value a command with --json", async () => {
    const said = (await web.ok("replay", "--script", "next\nrun snapshots.count > 1\ntree", "--json"))
      .trimEnd()
      .split("\n");
    const values = said.map((line) => JSON.parse(line) as { command: string; position: number; snapshots?: object[] });
    expect(values.map(({ command }) => command)).toEqual(["next", "run snapshots.count > 1", "tree"]);
    expect([values[0]?.position, values[2]?.snapshots?.length]).toEqual([1, 2]);
  });

  it("keeps to its stretch, starting with what was there before", async () => {
    const end = await logLength(web);
    const said = await web.ok(
      "replay",
      "web",
      "--from",
      "8",
      "--to",
      String(end - 1),
      "--script",
      "watch snapshots.count; jump end",
    );
    expect(said).toContain("  snapshots.count = 2\n");
    expect(said.trimEnd().split("\n").at(-1)).toBe("  snapshots.count = 3");
  });

  it.each([
    [["--script", "nxt"], "error [USAGE] Replay does not understand: nxt"],
    [["--script", "run curent == 1"], "error [INVALID_CONDITION] At column 1"],
    [[], "error [USAGE] A replay by keys needs a terminal."],
  ])("%j exits 2", async (args, message) => {
    const { status, stderr } = await web.run("replay", "web", ...args);
    expect([status, stderr.slice(0, message.length)]).toEqual([2, message]);
  });
});
