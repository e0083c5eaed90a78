import { beforeAll, describe, expect, it } from "vitest";
import type { EventRecord } from "../../src/events/events.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, withTree } from "../support/scene.ts";

describe("what-if", () => {
  let web: Terminal;
  let position: Record<string, string>;
  beforeAll(async () => {
    web = await withTree();
    await web.run("snapshot-deactivate", "web", "c", "--merge");
    await web.ok("snapshot-deactivate", "web", "b", "--delete");
    await web.ok("snapshot-deactivate", "web", "c", "--merge");
    const records = (await web.ok("log", "--json"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as EventRecord);
    const at = (type: string) => String(records.find((record) => record.type === type)?.position);
    position = { refused: at("CommandRejected"), discarded: at("SnapshotDiscarded"), merged: at("SnapshotMerged") };
  });

  it("shows the decisions that flip, and both trees side by side", async () => {
    const before = await logLength(web);
    const told = await web.ok("what-if", "--skip", position["discarded"] ?? "");
    expect(told).toMatch(/^Left out:\n.*discarded snapshot "b" of web/);
    expect(told).toMatch(/merge snapshot "c" of web .*\n +was taken; would be refused: .*"b"\. \[MERGE_WOULD_ORPHAN\]/);
    expect(told).toMatch(/web as it is +\| {2}web as it would be\nroot +\| {2}root\n/);
    expect(told).toContain("+- c *");
    expect(await logLength(web)).toBe(before);
  });

  it("supposes force, and other commands from a file or stdin", async () => {
    const forced = (await web.json("what-if", "--force", position["refused"] ?? "")) as { flips: object[] };
    expect(forced.flips).toMatchObject([{ was: { code: "MERGE_WOULD_ORPHAN" }, now: { accepted: true } }, {}, {}]);
    const command = { type: "DiscardSnapshot", domain: "web", snapshot: "b" };
    const insert = JSON.stringify([{ after: Number(position["refused"]) - 1, command }]);
    const { stdout } = await web.feed(insert, "what-if", "--insert", "-");
    expect(stdout).toMatch(/discard snapshot "b" of web\n +inserted; would be taken/);
  });

  it("finds nothing to change in what today's rules decided", async () => {
    expect(await web.ok("what-if", "--rules")).toMatch(
      /^\d+ recorded decisions, and today's rules decide each as it was/,
    );
    expect(await web.json("what-if", "--rules")).toMatchObject({ changed: [] });
  });

  it.each([
    [[], 2, "error [USAGE] Say what is to be otherwise"],
    [["--rules", "--skip", "4"], 2, "error [USAGE] Say what is to be otherwise"],
    [["--skip", "1"], 2, "error [USAGE] The record at 1 is of no operation."],
    [["--force", "2"], 2, "error [USAGE] At 2 no merge or discard was asked for"],
    [["--skip", "9999"], 4, "error [POSITION_NOT_FOUND] "],
    [["--insert", "/nowhere"], 4, "error [FILE_NOT_FOUND] "],
  ])("%j exits %i", async (args, status, message) => {
    const ran = await web.run("what-if", ...args);
    expect([ran.status, ran.stdout, ran.stderr.slice(0, message.length)]).toEqual([status, "", message]);
  });

  it.each([
    ["{", "It is not JSON"],
    ["{}", "It is not a JSON array"],
    ['[{"after": 0}]', 'Entry 1 has no position "after"'],
    ['[{"after": 3, "command": {"type": "Nothing"}}]', "Entry 1 has no command of a type among"],
    ['[{"after": 3, "command": {"type": "MergeSnapshot", "domain": "web"}}]', 'field "snapshot" is missing'],
    [
      '[{"after": 3, "command": {"type": "MergeSnapshot", "domain": "web", "snapshot": "b", "force": 1}}]',
      '"force" is not true or false',
    ],
  ])("refuses to insert %s", async (text, why) => {
    const { status, stderr } = await web.feed(text, "what-if", "--insert", "-");
    expect(status).toBe(2);
    expect(stderr).toContain(why);
  });

  it("refuses to insert what is about no domain of that moment", async () => {
    const command = { type: "CreateSnapshot", domain: "wbe", name: "x" };
    const { status, stderr } = await web.feed(JSON.stringify([{ after: 3, command }]), "what-if", "--insert", "-");
    expect(status).toBe(4);
    expect(stderr).toMatch(/^error \[DOMAIN_NOT_FOUND\] No domain "wbe" is defined right after position 3\.\nhint: /);
  });
});
