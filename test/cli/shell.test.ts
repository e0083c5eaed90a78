import { existsSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, names, takeSnapshot, withDemo, withTree, withWeb } from "../support/scene.ts";

/** Several commands in one process, from a file or a pipe. */

const piped = (terminal: Terminal, lines: readonly string[], ...args: readonly string[]) =>
  terminal.feed(lines.map((line) => `${line}\n`).join(""), "shell", ...args);

const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`;

describe("a command in the shell", () => {
  let web: Terminal;
  beforeAll(async () => {
    web = await withTree();
  });

  it.each<[string[]]>([
    [["list", "--json"]],
    [["dominfo", "web"]],
    [["snapshot-list", "web", "--tree"]],
    [["snapshot-list", "web", "--from", "a", "--json"]],
    [["snapshot-info", "web", "b"]],
    [["snapshot-dumpxml", "web", "b"]],
    [["log", "web", "--limit", "3"]],
    [["--json", "show", "5"]],
    [["replay", "web", "--script", "run snapshots.count > 1; tree"]],
    [["verify", "--files"]],
    [["snapshot-lst"]],
    [["snapshot-info", "web", "it's"]],
    [["list", "--wait", "soon"]],
    [["snapshot-delete", "web", "a", "--children"]],
    [["list", "--store", "/nowhere/store", "--json"]],
  ])("%j says what it says outside, and ends alike", async (args) => {
    const outside = await web.run(...args);
    const inside = await piped(web, [args.map(quoted).join(" ")]);
    const json = args.includes("--json");
    const stderr = json
      ? inside.stderr.replaceAll(',"file":"stdin","line":1', "")
      : inside.stderr.replaceAll("stdin:1: error", "error");
    expect({ ...inside, stderr }).toEqual(outside);
  });
});

describe("a script", () => {
  it("is a file whose lines are commands, as pasted from outside too", async () => {
    const demo = await withDemo();
    const lines = [
      "# Taken every night.",
      "",
      'snapledger snapshot-create-as demo \'first one\' "a \\"good\\" one" --offline --reason \'the',
      "night'   # and more",
      String.raw`snapshot-info demo first\ one`,
      "exit",
      "snapshot-create-as demo never --offline",
    ];
    writeFileSync(join(demo.home, "nightly.snap"), lines.join("\r\n"));
    const { status, stdout, stderr } = await demo.run("shell", "nightly.snap");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Domain snapshot first one created\nName: +first one\n/);
    expect(await demo.json("snapshot-info", "demo", "first one")).toMatchObject({
      ...{ description: 'a "good" one', reason: "the\nnight" },
    });
    expect(await demo.json("snapshot-list", "demo")).toHaveLength(1);
  });

  it("says where a command failed, goes on, and ends as the last that failed", async () => {
    const demo = await withDemo();
    writeFileSync(
      join(demo.home, "x.snap"),
      "dominfo nobody\nlist | sort\nhead\n\nsnapshot-info demo no\nlist --name\n",
    );
    const { status, stdout, stderr } = await demo.run("shell", "x.snap");
    expect(status).toBe(4);
    expect(stdout).toMatch(/sha256:[^]*\ndemo\n/);
    expect(stderr.split("\n").filter((line) => !line.startsWith("hint: "))).toEqual([
      'x.snap:1: error [DOMAIN_NOT_FOUND] There is no domain "nobody".',
      "x.snap:2: error [USAGE] At column 6: | is no part of a command here.",
      'x.snap:5: error [SNAPSHOT_NOT_FOUND] Domain "demo" has no snapshot "no".',
      "",
    ]);
    const json = await demo.run("shell", "x.snap", "--json");
    const errors = json.stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(errors[2]).toMatchObject({ code: "SNAPSHOT_NOT_FOUND", file: "x.snap", line: 5 });
  });

  it.each<[string[], number, string]>([
    [["list", "dominfo nobody", "list 'x"], 4, "stdin:2: error [DOMAIN_NOT_FOUND]"],
    [["list --nmae", "dominfo nobody"], 2, "stdin:1: error [USAGE] Unknown option '--nmae'."],
    [["shell x.snap", "dominfo nobody"], 2, "stdin:1: error [USAGE] This is the shell already."],
    [["quit now", "dominfo nobody"], 2, "stdin:1: error [USAGE] quit takes no arguments."],
    [["snapshot-create demo -", "dominfo nobody"], 2, "stdin:1: error [USAGE] - is stdin"],
    [
      ["list", "list 'x", "", "list"],
      2,
      "stdin:2: error [USAGE] The single quote at line 1, column 6 is not finished.",
    ],
  ])("with -e %j ends with %i at its first error", async (lines, status, error) => {
    const ran = await piped(await withDemo(), lines, "-e");
    expect([ran.status, ran.stderr.slice(0, error.length)]).toEqual([status, error]);
    expect(ran.stderr.match(/error \[/g)).toHaveLength(1);
  });

  it("is not run further than it can be understood", async () => {
    const demo = await withDemo();
    const length = await logLength(demo);
    for (const bad of [
      Buffer.from([0x27, 0xff, 0x0a]),
      Buffer.alloc(200_000, "a"),
      Buffer.from(`'${"a\n".repeat(70_000)}`),
    ]) {
      const script = Buffer.concat([Buffer.from("head\n"), bad, Buffer.from("\nstart demo\n")]);
      writeFileSync(join(demo.home, "bad.snap"), script);
      const { status, stderr } = await demo.run("shell", "bad.snap");
      expect([status, stderr]).toEqual([2, expect.stringMatching(/^bad\.snap:2: error \[USAGE\] /)]);
    }
    expect(await logLength(demo)).toBe(length);
    expect(await demo.run("shell", "none.snap")).toMatchObject({ status: 4, stdout: "" });
    expect(await demo.run("shell", demo.home)).toMatchObject({ status: 4, stdout: "" });
  });

  it("gives its own options to each command that does not say otherwise", async () => {
    const demo = await withDemo();
    const lines = ["start demo", "destroy demo --ticket OPS-2 --reason 'of its own'", "log --ticket OPS-2 --limit 1"];
    const { status, stdout } = await piped(
      demo,
      lines,
      "--json",
      "--reason",
      "nightly",
      "--ticket",
      "OPS-1",
      "--wait",
      "1",
    );
    expect(status).toBe(0);
    expect(stdout).toContain('"command": "StartDomain"');
    const found = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as object;
    expect(found).toMatchObject({ reason: "of its own", ticket: "OPS-2" });
    expect(await demo.ok("log", "demo", "--ticket", "OPS-1")).toContain("(reason: nightly, ticket OPS-1)");
    for (const one of ["--command-id", "--expect-revision"]) {
      expect(await piped(demo, ["start demo"], one, "1")).toMatchObject({ status: 2, stdout: "" });
    }
    expect(await piped(demo, ["list"], "--wait", "soon")).toMatchObject({ status: 2, stdout: "" });
  });
});

/** A shell that is asked a line at a time, as a program does. */
class Asked {
  readonly child;
  readonly #lines;

  constructor(terminal: Terminal) {
    this.child = terminal.start("shell");
    onTestFinished(() => {
      this.child.kill("SIGKILL");
    });
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** What one command says on stdout: all up to the version, which is asked for after it. */
  async say(line: string): Promise<string[]> {
    this.child.stdin!.write(`${line}\n--version\n`);
    const said: string[] = [];
    for (;;) {
      const line = String((await this.#lines.next()).value);
      if (/^\d+\.\d+\.\d+$/.test(line)) return said;
      said.push(line);
    }
  }

  async end(): Promise<number | null> {
    this.child.stdin!.end();
    if (this.child.exitCode === null) await once(this.child, "close");
    return this.child.exitCode;
  }
}

describe("a shell beside others", () => {
  it("answers each line at once, sees what others did meanwhile, and holds nothing", async () => {
    const demo = await withDemo();
    const [one, other] = [new Asked(demo), new Asked(demo)];
    for (let i = 0; i < 3; i++) {
      const made = await one.say(`snapshot-create-as demo one-${i} --offline --wait 0`);
      expect(made).toEqual([`Domain snapshot one-${i} created`]);
      expect(await other.say("snapshot-list demo --name --wait 0")).toContain(`one-${i}`);
      await demo.ok("--wait", "0", "snapshot-create-as", "demo", `outside-${i}`, "--offline");
      expect(await other.say("snapshot-current demo --name --wait 0")).toEqual([`outside-${i}`]);
      await other.say(`snapshot-deactivate demo outside-${i} --discard-force --wait 0`);
      expect(await one.say("snapshot-list demo --name")).toEqual(await names(demo, "demo"));
    }
    expect([await one.end(), await other.end()]).toEqual([0, 0]);
  });

  it("that is killed in the middle of a command leaves what recover settles", async () => {
    const web = await withWeb();
    await takeSnapshot(web, "one");
    await takeSnapshot(web, "two");
    const mark = join(web.home, "begun");
    const slow = withFakeTool(web, "commit", `touch ${mark}; exec sleep 600`);
    const shell = new Asked(slow);
    shell.child.stdin!.write("snapshot-deactivate web two --merge\n");
    while (!existsSync(mark)) await sleep(10);
    shell.child.kill("SIGKILL");
    await once(shell.child, "close");
    await slow.run("recover", "--wait", "0");
    expect(await names(web)).toEqual(["one"]);
  });

  it("is ended by Ctrl-C with what it does, when nobody types", async () => {
    const web = await withTree();
    const mark = join(web.home, "begun");
    const slow = withFakeTool(web, "commit", `touch ${mark}; exec sleep 600`);
    const length = await logLength(web);
    const shell = new Asked(slow);
    shell.child.stdin!.write("snapshot-deactivate web c --mergeforce\nundefine web --discard-all\n");
    while (!existsSync(mark)) await sleep(10);
    shell.child.kill("SIGINT");
    await once(shell.child, "close");
    expect(shell.child.exitCode).toBe(130);
    expect(await logLength(web)).toBeGreaterThan(length);
    expect(await web.ok("compact", "web")).toContain("1 done, 0 pending");
    expect(await names(web)).toEqual(["a", "root"]);
  });
});
