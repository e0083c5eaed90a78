import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import type { EventRecord } from "../../src/events/events.ts";
import type { SnapshotInfo } from "../../src/connection/api.ts";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import type { Terminal } from "../support/built-cli.ts";
import { guestWrites, headFile, logLength, takeSnapshot, withTree, withWeb } from "../support/scene.ts";

let web: Terminal;
/** The file of the layer of `b`, which is discarded later. */
let layerOfB: string;
beforeAll(async () => {
  web = await withTree();
  layerOfB = ((await web.json("snapshot-info", "web", "b")) as SnapshotInfo).layers["vda"] ?? "";
  await web.run("snapshot-deactivate", "web", "c", "--merge", "--ticket", "OPS-1");
  await web.ok("snapshot-deactivate", "web", "b", "--delete", "--reason", "Too old", "--ticket", "OPS-2");
  await web.ok("snapshot-create-as", "web", "b", "--offline");
  await web.run("snapshot-create-as", "web", "b", "--offline");
});

const sentences = async (...args: string[]) =>
  (await web.ok("log", ...args)).split("\n").flatMap((line) => (line === "" ? [] : line.slice(40)));

describe("the log's lines", () => {
  it("are one for each operation, with its positions", async () => {
    const lines = (await web.ok("log", "web")).trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ {8}2-3 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 {2}scenery defined domain web on /);
    const discarded = lines.find((line) => line.includes('discarded snapshot "b"'));
    expect(discarded).toMatch(
      /discarded .*, destroying snapshot "b" \(.*\); then 1 file removed \(.*Too old, ticket OPS-2\)$/,
    );
    expect(lines).toHaveLength(1 + 3 + 1 + 1 + 1 + 1 + 1 + 1);
  });

  it("are the newest first with --reverse, and as many as --limit says", async () => {
    const all = await sentences();
    expect(await sentences("--reverse")).toEqual(all.toReversed());
    expect(await sentences("web", "--reverse", "--limit", "2")).toEqual(all.toReversed().slice(0, 2));
    expect(await sentences("--limit", "1")).toEqual(all.slice(0, 1));
  });

  it.each([
    [["--type", "snapshotdiscarded"], ['discarded snapshot "b"']],
    [
      ["--type", "DomainDefined", "--type", "HeadsMoved"],
      ["defined domain", "moved the heads"],
    ],
    [["--rejected"], ["asked to merge", "asked to create"]],
    [["--rejected", "--ticket", "OPS-1"], ["asked to merge"]],
    [["--ticket", "OPS-2"], ['discarded snapshot "b"']],
    [["--grep", "TOO OLD"], ['discarded snapshot "b"']],
    [["--grep", ".*"], []],
    [["--actor", "nobody-else"], []],
    [["--actor", "scenery", "--type", "HeadsMoved"], ["moved the heads"]],
    [["--since", "2"], undefined],
    [["--since", "2999-01-01"], []],
    [
      ["--until", "3"],
      ["created the log", "defined domain"],
    ],
  ])("pass %j", async (args, expected) => {
    const passed = await sentences(...args);
    if (expected === undefined) expect(passed).toEqual((await sentences()).slice(1));
    else expect(passed.map((line, i) => line.includes(expected[i] ?? "\0"))).toEqual(expected.map(() => true));
  });

  it("are found by the operation's id, or the start of it, and by time", async () => {
    const line = (await web.ok("log", "--json", "--type", "SnapshotDiscarded")).trimEnd();
    const { operation, time, position } = JSON.parse(line) as EventRecord;
    expect(await sentences("--operation", operation ?? "")).toHaveLength(1);
    expect(await sentences("--operation", operation?.slice(0, 30) ?? "")).toHaveLength(1);
    const since = (await web.ok("log", "--json", "--since", time, "--until", time)).trimEnd().split("\n");
    expect(since.map((one) => (JSON.parse(one) as EventRecord).position)).toContain(position);
  });

  it.each([
    [["--type", "SnapshotMergd"], "error [USAGE] There is no event of type", "Did you mean SnapshotMerged?"],
    [["--follow", "--reverse"], "error [INVALID_FLAGS] ", "Give one of"],
    [["--since", "tomorrow"], "error [USAGE] --since takes a position or a time", "Such as 42"],
    [["--limit", "0"], "error [USAGE] --limit takes a whole number from 1", "Such as"],
  ])("refuse %j", async (args, message, hint) => {
    const { status, stdout, stderr } = await web.run("log", ...args);
    expect([status, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
    expect(stderr).toContain(hint);
  });
});

describe("log --follow", () => {
  it("says what others do as they do it, keeps nobody waiting, and ends by Ctrl-C without complaint", async () => {
    const own = await withWeb();
    const following = own.start("log", "--follow");
    let said = "";
    following.stdout?.on("data", (text: Buffer) => (said += text.toString()));
    const until = async (text: string) => {
      for (let i = 0; i < 200 && !said.includes(text); i++) await sleep(50);
      expect(said).toContain(text);
    };
    await until("defined domain web");
    await guestWrites(own, 1);
    await own.ok("snapshot-create-as", "web", "one", "--offline", "--wait", "1");
    await until('created snapshot "one" of web');
    // What takes long is told when it begins, and again when it is decided.
    const go = join(own.home, "go");
    const slow = withFakeTool(own, "create", `while [ ! -e ${go} ]; do sleep 0.1; done; exec qemu-img "$@"`);
    const creating = slow.ok("snapshot-create-as", "web", "two", "--offline");
    await until('began to create snapshot "two" of web');
    expect(said).not.toContain('created snapshot "two"');
    writeFileSync(go, "");
    await creating;
    await until('created snapshot "two" of web');
    following.kill("SIGINT");
    expect(await once(following, "exit")).toEqual([0, null]);
  });
});

describe("history", () => {
  it("tells the lives of a name apart, with how each began and went", async () => {
    const told = await web.ok("history", "web", "b");
    expect(told).toMatch(
      /^Life 1 of 2: from position \d+, to \d+ .*\n.*created snapshot "b"[^]*discarded snapshot "b"/,
    );
    expect(told).toMatch(/Life 2 of 2: from position \d+, is there still .*\n.*created[^]*SNAPSHOT_EXISTS/);
    const { lives } = (await web.json("history", "web", "b")) as { lives: { id: string; to: number | null }[] };
    expect(lives.map(({ to }) => to === null)).toEqual([false, true]);
    expect(lives[0]?.id).not.toBe(lives[1]?.id);
  });

  it("says 4 for what never was", async () => {
    for (const args of [
      ["web", "never"],
      ["nobody", "b"],
    ]) {
      const { status, stdout } = await web.run("history", ...args);
      expect([status, stdout]).toEqual([4, ""]);
    }
  });
});

describe("blame", () => {
  it("draws who gave each snapshot its content beside the tree, also as of then", async () => {
    const lines = (await web.ok("blame", "web")).split("\n");
    expect(lines[0]).toMatch(/^root {10,} +\d+ {2}\S+ \S+ \S+ {2}scenery created snapshot "root" of web$/);
    expect(lines.filter((line) => line.includes("created snapshot"))).toHaveLength(4);
    const before = (await web.ok("blame", "web", "--at", String((await logLength(web)) - 3))).split("\n");
    expect(before.filter((line) => line.includes("created snapshot"))).toHaveLength(3);
  });

  it("names the merge where one gave the content", async () => {
    const own = await withWeb();
    for (const name of ["a", "b"]) await takeSnapshot(own, name);
    await own.ok("snapshot-deactivate", "web", "b", "--merge");
    expect(await own.ok("blame", "web")).toMatch(/^a +\d+ .* merged snapshot "b" of web into snapshot "a"/);
    expect(await own.json("blame", "web")).toMatchObject([{ name: "a", by: { type: "SnapshotMerged" } }]);
  });
});

describe("why", () => {
  it("tells what a layer file was and why it is gone", async () => {
    const told = await web.ok("why", layerOfB);
    expect(told).toMatch(/^File: {11}\/.*\nDomain: {9}web\nNow: {12}removed\n/);
    const roles = told.split("\n").flatMap((line) => /=> (.*)$/.exec(line)?.[1] ?? []);
    expect(roles).toEqual(["head of vda", 'vda of snapshot "b"', "needed by nothing; waits to be removed", "removed"]);
  });

  it("tells of a head, and of a base image, which the whole log is looked through for", async () => {
    expect(await web.ok("why", await headFile(web))).toContain("Now:            head of vda\n");
    expect(await web.ok("why", `${web.home}/web.qcow2`)).toContain("Now:            base image of vda\n");
    expect((await web.run("why", "/nowhere")).status).toBe(4);
  });
});
