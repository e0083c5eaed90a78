import { describe, expect, it } from "vitest";
import { verbs } from "../../src/cli/verbs.ts";
import { freshFolder } from "../support/folders.ts";
import { Terminal } from "../support/built-cli.ts";

const terminal = new Terminal(freshFolder());

describe("help", () => {
  it.each([...verbs.keys()])("of %s ends in exit statuses and two examples", async (verb) => {
    const { status, stdout, stderr } = await terminal.run(verb, "--help");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: snapledger ${verb}`);
    expect(stdout).toMatch(/\nEXIT STATUS\n( {2}\d+ +\S.*\n)+\nEXAMPLES\n {2}\S.*\n {2}\S.*\n+$/);
  });

  it("lists every verb in its group", async () => {
    const help = await terminal.ok("--help");
    for (const [name, { group, summary }] of verbs) {
      const members = help.slice(help.indexOf(`\n${group}:\n`)).split("\n\n")[0];
      expect(members).toContain(`  ${name.padEnd(22)}${summary}`);
    }
  });

  it("is the same by `help VERB`, `VERB --help` and `--help VERB`", async () => {
    const help = await terminal.ok("snapshot-list", "--help");
    expect(await terminal.ok("help", "snapshot-list")).toBe(help);
    expect(await terminal.ok("--help", "snapshot-list")).toBe(help);
    expect(await terminal.ok("help")).toBe(await terminal.ok("--help"));
  });

  it("says that names are permanent, that --mergedelete is a slip, and that --compress takes no value", async () => {
    expect(await terminal.ok("--help")).toContain("Names, reasons and actors are permanent");
    expect(await terminal.ok("help", "snapshot-create")).toContain("Names, reasons and actors are permanent");
    expect(await terminal.ok("help", "snapshot-create")).toMatch(/--compress +compress the frozen layers \(takes no/);
    expect(await terminal.ok("help", "snapshot-deactivate")).toMatch(/--mergedelete +DISCARD_FORCE, by the RFC's/);
  });

  it("has a version beside it", async () => {
    expect(await terminal.ok("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("a wrong command line", () => {
  it.each([
    [[], "error [USAGE] No verb is given.\nhint: See: snapledger --help\n"],
    [["snapshot-lst"], 'error [USAGE] Unknown verb "snapshot-lst".\nhint: Did you mean snapshot-list?\n'],
    [["frobnicate"], 'error [USAGE] Unknown verb "frobnicate".\nhint: See: snapledger --help\n'],
    [["help", "lsit"], 'error [USAGE] Unknown verb "lsit".\nhint: Did you mean list?\n'],
    [["list", "--nmae"], "error [USAGE] Unknown option '--nmae'.\nhint: Did you mean --name?\n"],
    [["list", "--frobnicate"], "error [USAGE] Unknown option '--frobnicate'.\nhint: See: snapledger list --help\n"],
    [["list", "web"], "error [USAGE] Too many arguments. Expected 0 arguments but got 1.\n"],
    [["dominfo"], "error [USAGE] Missing required argument 'domain'.\nhint: See: snapledger dominfo --help\n"],
    [["list", "--store"], "error [USAGE] Option '--store <dir>' argument missing.\n"],
    [["list", "--store", ""], "error [USAGE] --store needs a folder.\n"],
    [["list", "--wait", "soon"], 'error [USAGE] --wait takes seconds, not "soon".\n'],
    [["show", "x"], 'error [USAGE] show takes a whole number from 1, not "x".\n'],
    [["show", "0"], 'error [USAGE] show takes a whole number from 1, not "0".\n'],
    [["start", "web", "--expect-revision", "-1"], "error [USAGE] "],
    [["list", "--plan"], "error [USAGE] Unknown option '--plan'.\n"],
    [["define"], "error [USAGE] Give an XML file, or --name and at least one --disk.\n"],
    [["define", "--name", "a", "--disk", "vda"], 'error [USAGE] --disk takes TARGET=PATH[,format=F], not "vda".\n'],
    [["define", "a.xml", "--name", "a"], "error [USAGE] --name and an XML file exclude each other.\n"],
    [["define", "a.xml", "--disk", "vda=/x"], "error [USAGE] --disk and an XML file exclude each other.\n"],
    [["snapshot-info", "web"], "error [USAGE] Give a snapshot's name or --current, one of them.\n"],
    [["snapshot-info", "web", "a", "--current"], "error [USAGE] Give a snapshot's name or --current, one of them.\n"],
    [["snapshot-list", "web", "--descendants"], "error [USAGE] --descendants needs --from.\n"],
    [["snapshot-list", "web", "--tree", "--name"], "error [INVALID_FLAGS] Options --tree and --name are mutually excl"],
    [["snapshot-list", "web", "--roots", "--from", "a"], "error [INVALID_FLAGS] Options --roots and --from are mutual"],
    [["snapshot-deactivate", "w", "a", "--merge", "--delete"], "error [INVALID_FLAGS] Options --merge and --delete"],
    [["snapshot-deactivate", "w", "a", "--merge", "--mergeforce"], "error [INVALID_FLAGS] "],
    [["snapshot-deactivate", "w", "a", "--discard", "--delete"], "error [INVALID_FLAGS] "],
    [["undefine", "w", "--discard-all", "--keep-files"], "error [INVALID_FLAGS] "],
  ])("%j exits 2 and says what is wrong", async (args, message) => {
    const { status, stdout, stderr } = await terminal.run(...args);
    expect([status, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
    expect(stderr).toMatch(/^error \[[A-Z_]+\] .*\nhint: .*\n$/);
  });

  it("is one line of JSON on stderr with --json", async () => {
    const { status, stdout, stderr } = await terminal.run("--json", "list", "--nmae");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(JSON.parse(stderr)).toMatchObject({ code: "USAGE", hint: "Did you mean --name?", position: null });
  });

  it("cannot make the terminal do anything", async () => {
    const { stderr } = await terminal.run("evil\u001b]0;x\u0007\u202e\nerror [FORGED]");
    expect(stderr).toMatch(
      /^error \[USAGE\] Unknown verb "evil\\u\{1b\}\]0;x\\u\{7\}\\u\{202e\}\\u\{a\}error \[FORGED\]"\./,
    );
  });
});

describe("a verb that virsh has and that is not done here", () => {
  it.each([
    ["snapshot-revert", "create-with-snapshot"],
    ["snapshot-delete", "snapshot-deactivate"],
    ["blockcommit", "snapshot-deactivate DOM NAME --merge"],
  ])("%s names what to use instead, does nothing and exits 3, whatever follows", async (verb, instead) => {
    const { status, stdout, stderr } = await terminal.run(verb, "web", "vda", "--active", "--pivot", "--base=x");
    expect([status, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(
      new RegExp(`^error \\[UNSUPPORTED\\] ${verb} is not done here: .*\nhint: Use: \`snapledger ${instead}`),
    );
  });
});
