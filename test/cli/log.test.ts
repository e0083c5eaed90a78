import { execFileSync, spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import type { EventRecord } from "../../src/events/events.ts";
import { bundle } from "../support/built-cli.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, withTree } from "../support/scene.ts";

/** Text that a terminal would act on, of the kind that a reason may hold. */
const hostile = "try\u009b2J\u202e\nit";

describe("the log", () => {
  let web: Terminal;
  beforeAll(async () => {
    web = await withTree();
    await web.run("snapshot-deactivate", "web", "c", "--merge", "--reason", hostile, "--ticket", "OPS-1");
  });

  it("with --records says each record in a line: who, what, why", async () => {
    const lines = (await web.ok("log", "web", "--records")).trimEnd().split("\n");
    expect(lines.length).toBe((await logLength(web)) - 1);
    expect(lines[0]).toMatch(/^ {10}2 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 {2}\S/);
    expect(lines.at(-1)).toContain("try\\u{9b}2J\\u{202e}\\u{a}it");
    expect(lines.at(-1)).toContain("OPS-1");
    expect((await web.ok("log")).split("\n")[0]).toMatch(/^ {10}1 {2}/);
    expect((await web.ok("log", "--records", "--from", "2", "--to", "4")).trimEnd().split("\n")).toEqual(
      lines.slice(0, 2),
    );
  });

  it("with --json is the stored records, byte for byte, which prove themselves", async () => {
    const lines = (await web.ok("log", "--json")).trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line) as EventRecord);
    expect(records.map(({ position }) => position)).toEqual(records.map((_, i) => i + 1));
    for (const [i, line] of lines.entries()) {
      const proof = execFileSync("sha256sum", { input: Buffer.from(line).subarray(0, -82) })
        .toString()
        .slice(0, 64);
      expect(records[i]?.hash).toBe(`sha256:${proof}`);
    }
    expect(await web.ok("show", String(lines.length), "--json")).toBe(`${lines.at(-1) ?? ""}\n`);
  });

  it("records who asked, through what, why, and what was refused", async () => {
    const last = JSON.parse((await web.ok("log", "--json")).trimEnd().split("\n").at(-1) ?? "") as EventRecord;
    expect(last).toMatchObject({ type: "CommandRejected", reason: hostile, ticket: "OPS-1" });
    expect(last.data).toMatchObject({ code: "MERGE_WOULD_ORPHAN" });
    expect(last.actor).toMatchObject({ uid: process.getuid?.(), via: "cli", knownBy: "process", sudoUser: null });
  });

  it("shows one record, escaped, and says 4 for a position that is not there", async () => {
    const shown = await web.ok("show", String(await logLength(web)));
    expect(shown).not.toMatch(/[\u009b\u202e]/);
    expect(shown).toContain('"reason": "try\\u009b2J\\u202e\\nit"');
    const none = await web.run("show", "9999");
    expect([none.status, none.stderr.slice(0, 26)]).toEqual([4, "error [POSITION_NOT_FOUND]"]);
  });

  it("ends quietly when its reader goes away", () => {
    const script = 'node "$0" log --json | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"';
    const { stdout, stderr } = spawnSync("bash", ["-c", script, bundle], { env: web.environment, encoding: "utf8" });
    expect([stdout, stderr]).toEqual(["0\n", ""]);
  });

  it("says so when its output cannot be written", () => {
    const script = 'node "$0" log --json >/dev/full';
    const { status, stderr } = spawnSync("bash", ["-c", script, bundle], { env: web.environment, encoding: "utf8" });
    expect(status).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ code: "DISK_FULL" });
  });

  it("is proven by verify", async () => {
    expect(await web.ok("verify")).toMatch(/^\d+ records verified; the log ends at \d+ with sha256:[0-9a-f]{64}\n$/);
  });
});
