import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Outcome, SnapshotInfo } from "../../src/connection/api.ts";
import { digest, holdOpen } from "../support/images.ts";
import type { Terminal } from "../support/built-cli.ts";
import { guestWrites, logLength, names, takeSnapshot, withTree, withWeb } from "../support/scene.ts";

async function layerOf(terminal: Terminal, name: string): Promise<string> {
  return ((await terminal.json("snapshot-info", "web", name)) as SnapshotInfo).layers["vda"] ?? "";
}

describe("a merge", () => {
  it("that would orphan others is refused, says whom, and is recorded", async () => {
    const web = await withTree();
    const before = await logLength(web);
    const { status, stdout, stderr } = await web.run("snapshot-deactivate", "web", "c", "--merge");
    expect([status, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(
      /^error \[MERGE_WOULD_ORPHAN\] Merging "c" into "a" would destroy "b"\.\nhint: .*--mergeforce/,
    );
    expect([await names(web), await logLength(web)]).toEqual([["a", "b", "c", "root"], before + 1]);
  });

  it("with force shows the four sets with their sizes, and the parent holds the content", async () => {
    const web = await withTree();
    const content = await digest(await layerOf(web, "c"), "qcow2");
    const done = await web.ok("snapshot-deactivate", "web", "c", "--mergeforce", "--reason", "b failed");
    expect(done).toMatch(/^Domain snapshot c merged into a\n/);
    expect(done).toMatch(/\n {2}rewritten: {4}snapshot "a" \(\d+ KiB\)\n {2}deleted: {6}snapshot "b" \(\d+ KiB\)\n/);
    expect(done).toMatch(
      /\n {2}deleted: {6}the old content of "a" \(\d+ KiB\)\n {2}moved: {8}the heads on snapshot "c"/,
    );
    expect(done).toMatch(/"c", to hang on "a"\n {2}folds: {8}1 done, 0 pending\n/);
    expect([await names(web), await digest(await layerOf(web, "a"), "qcow2")]).toEqual([["a", "root"], content]);
  });

  it("with --plan changes nothing and says what it would do", async () => {
    const web = await withTree();
    const before = await logLength(web);
    const layer = await layerOf(web, "a");
    const content = readFileSync(layer);
    const plan = await web.ok("--plan", "snapshot-deactivate", "web", "c", "--mergeforce");
    expect(plan).toMatch(
      /^Plan for MergeSnapshot on domain 'web'; nothing was changed\n {2}rewritten: {4}snapshot "a" /,
    );
    expect(plan).toContain(`  would fold:   ${await layerOf(web, "c")} into ${layer}\n`);
    expect(plan).toMatch(/\n {2}needs free: {3}[\d.]+ KiB\n$/);
    expect(await web.json("snapshot-deactivate", "web", "c", "--mergeforce", "--plan")).toMatchObject({
      planned: true,
    });
    expect((await web.run("snapshot-deactivate", "web", "c", "--merge", "--plan")).status).toBe(3);
    expect([await logLength(web), await names(web)]).toEqual([before, ["a", "b", "c", "root"]]);
    expect(readFileSync(layer).equals(content)).toBe(true);
  });

  it("of a root goes into the base image", async () => {
    const web = await withWeb();
    await guestWrites(web, 5);
    await takeSnapshot(web, "one");
    const content = await digest(await layerOf(web, "one"), "qcow2");
    const done = await web.ok("snapshot-deactivate", "web", "one", "--merge");
    expect(done).toMatch(/^Domain snapshot one merged into the base image\n {2}rewritten: {4}base image \//);
    expect(await digest(join(web.home, "web.qcow2"), "qcow2")).toBe(content);
    expect(await names(web)).toEqual([]);
  });

  it("into a base image that another domain stands on is refused", async () => {
    const web = await withWeb();
    await web.ok("define", "--name", "twin", "--disk", "vda=web.qcow2");
    await takeSnapshot(web, "one");
    const { status, stderr } = await web.run("snapshot-deactivate", "web", "one", "--merge");
    expect([status, stderr.slice(0, 25)]).toEqual([3, "error [BASE_IMAGE_SHARED]"]);
  });

  it("is refused, retryably, while another process has an image open", async () => {
    const web = await withTree();
    const held = await holdOpen(await layerOf(web, "c"), "qcow2");
    const { status, stderr } = await web.run("snapshot-deactivate", "web", "c", "--mergeforce");
    await held.release();
    expect([status, stderr.slice(0, 20)]).toEqual([5, "error [IMAGE_LOCKED]"]);
    expect(await names(web)).toEqual(["a", "b", "c", "root"]);
    await web.ok("snapshot-deactivate", "web", "c", "--mergeforce");
  });

  it("of what is not there is 4, and recorded", async () => {
    const web = await withWeb();
    const before = await logLength(web);
    const { status, stderr } = await web.run("snapshot-deactivate", "web", "none", "--merge");
    expect([status, stderr.slice(0, 26)]).toEqual([4, "error [SNAPSHOT_NOT_FOUND]"]);
    expect(await logLength(web)).toBe(before + 1);
  });

  it("reports its fold as JSON lines on stderr with --json", async () => {
    const web = await withTree();
    const { stdout, stderr } = await web.run("--json", "snapshot-deactivate", "web", "c", "--mergeforce");
    expect((JSON.parse(stdout) as Outcome).folded).toBe(1);
    const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as object); // prettier-ignore
    expect(lines.at(-1)).toMatchObject({ progress: { done: 100, total: 100 } });
  });
});

describe("a discard", () => {
  it.each(["--delete", "--discard"])("by %s takes a leaf", async (flag) => {
    const web = await withTree();
    const layer = await layerOf(web, "b");
    const done = await web.ok("snapshot-deactivate", "web", "b", flag);
    expect(done).toMatch(
      /^Domain snapshot b discarded\n {2}deleted: {6}snapshot "b" \(\d+ KiB\)\n {2}removed: {6}1 file\n$/,
    );
    expect([await names(web), existsSync(layer)]).toEqual([["a", "c", "root"], false]);
  });

  it("is refused while others stand on it", async () => {
    const { status, stderr } = await (await withTree()).run("snapshot-deactivate", "web", "a", "--delete");
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /^error \[DISCARD_WOULD_ORPHAN\] Discarding "a" would destroy "b", "c"\.\nhint: .*--mergedelete/,
    );
  });

  it.each(["--mergedelete", "--discard-force"])("by %s takes all that stands on it", async (flag) => {
    const web = await withTree();
    expect(await web.ok("snapshot-deactivate", "web", "a", flag)).toMatch(/^Domain snapshot a discarded\n/);
    expect([await names(web), await web.ok("snapshot-current", "web", "--name")]).toEqual([["root"], "root\n"]);
  });
});

describe("a deactivation without flags", () => {
  it("keeps the snapshot and marks it", async () => {
    const web = await withTree();
    expect(await web.ok("snapshot-deactivate", "web", "c")).toMatch(/^Domain snapshot c deactivated\n/);
    expect(await web.ok("snapshot-list", "web", "--deactivated", "--name")).toBe("c\n");
    expect(await web.ok("snapshot-current", "web", "--name")).toBe("a\n");
  });
});

describe("compaction and recovery", () => {
  it("have nothing to do after a merge that went through", async () => {
    const web = await withTree();
    await web.ok("snapshot-deactivate", "web", "c", "--mergeforce");
    const before = await logLength(web);
    expect(await web.ok("compact", "web")).toBe("Domain 'web' compacted\n");
    expect(await web.ok("recover", "--explain")).toBe("Domain 'web': nothing to recover\n");
    expect(await web.json("recover", "web")).toMatchObject([{ command: "RecoverDomain", recovered: [] }]);
    expect(await logLength(web)).toBe(before);
  });
});
