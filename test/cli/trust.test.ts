import {
  copyFileSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Level } from "level";
import { describe, expect, it } from "vitest";
import { recordKey } from "../../src/events/level/keys.ts";
import { qemuImg } from "../support/images.ts";
import { writeAheadLog } from "../support/stores.ts";
import { Terminal } from "../support/built-cli.ts";
import { headFile, logLength, names, takeSnapshot, withTree, withWeb } from "../support/scene.ts";

/** What an operator does about a store that is not what it was. */

const store = (terminal: Terminal, name = "store"): string => join(terminal.home, name);
const inStore = (terminal: Terminal, name: string, ...args: readonly string[]) =>
  terminal.run("--store", store(terminal, name), ...args);

/** As when LevelDB lost it: the same database without that record, of which no byte is left in any file. */
async function lose(terminal: Terminal, position: number): Promise<void> {
  const log = join(store(terminal), "log");
  const [db, without] = [new Level(log), new Level(`${log}.without`)];
  const entries = await db.iterator().all();
  const kept = entries.filter(([key]) => key !== recordKey(position));
  await without.batch(kept.map(([key, value]) => ({ type: "put", key, value })));
  for (const one of [db, without]) await one.close();
  rmSync(log, { recursive: true });
  renameSync(`${log}.without`, log);
}

interface Verdict {
  readonly ok: boolean;
  readonly valid: number;
  readonly firstBad: { readonly position: number; readonly why: string } | null;
}

describe("a store whose last record is gone", () => {
  async function cutWeb(): Promise<Terminal> {
    const web = await withWeb();
    await takeSnapshot(web, "one");
    await takeSnapshot(web, "two");
    truncateSync(writeAheadLog(store(web)), 0);
    return web;
  }

  it("is read as far as it is proven, with a warning, and exit status 6", async () => {
    const web = await cutWeb();
    const { status, stdout, stderr } = await web.run("snapshot-list", "web", "--name");
    expect([status, stdout]).toEqual([6, "one\n"]);
    expect(stderr).toMatch(/^warning \[LOG_DAMAGED\] .*positions 1 to 6; .*\nhint: .*salvage/m);
    const log = await web.run("log", "--json");
    expect([log.status, log.stdout.trimEnd().split("\n").length]).toEqual([6, 6]);
    expect((await web.run("--json", "list")).status).toBe(6);
  });

  it("is not written to", async () => {
    const web = await cutWeb();
    const { status, stderr } = await web.run("snapshot-create-as", "web", "three", "--offline");
    expect(status).toBe(6);
    expect(stderr).toMatch(/^error \[LOG_DAMAGED\] .* position 7: it is missing.*\nhint: .*salvage/);
  });

  it("is verified on a copy, up to the first bad position", async () => {
    const web = await cutWeb();
    const { status, stdout, stderr } = await web.run("verify", "--json");
    expect(status).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, valid: 6, firstBad: { position: 7 }, head: { position: 7 } });
    expect(stderr).toContain('"code":"LOG_DAMAGED"');
    rmSync(join(store(web), "log", "CURRENT"));
    const without = JSON.parse((await web.run("verify", "--json")).stdout) as Verdict;
    expect(without).toMatchObject({ ok: false, valid: 6, firstBad: { position: 7 } });
  });

  it("is salvaged into a new one, which says what was lost and works", async () => {
    const web = await cutWeb();
    const { status, stdout, stderr } = await web.run("salvage", "new", "--reason", "bad disk", "--ticket", "OPS-1");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/its log ends at 7\n {2}proven: {2}positions 1 to 6; it ended at 7\n {2}lost: {4}7\n/);
    expect((await inStore(web, "new", "log")).stdout).toMatch(
      /rebuilt the log from \S+; of position 7 nothing could be proven \(reason: bad disk, ticket: OPS-1\)|rebuilt the log/,
    );
    expect((await inStore(web, "new", "verify")).stdout).toMatch(/^7 records verified/);
    expect((await inStore(web, "new", "snapshot-list", "web", "--name")).stdout).toBe("one\n");
    expect((await web.run("verify", "--json")).status, "the damaged one is as it was").toBe(6);
  });
});

describe("salvage", () => {
  it("keeps sound records that stand after a gap, unchanged", async () => {
    const web = await withTree();
    const lines = (await web.ok("log", "--json")).trimEnd().split("\n");
    await lose(web, 5);
    const { stdout } = await web.run("--json", "salvage", "new");
    const salvaged = JSON.parse(stdout) as object;
    expect(salvaged).toMatchObject({
      ...{ proven: 4, lost: [{ first: 5, last: 5 }], loose: [{ first: 6, last: lines.length }] },
      looseFile: store(web, "new/salvaged.ndjson"),
    });
    expect(readFileSync(store(web, "new/salvaged.ndjson"), "utf8")).toBe(`${lines.slice(5).join("\n")}\n`);
    expect(statSync(store(web, "new/salvaged.ndjson")).mode & 0o777).toBe(0o600);
  });

  it("needs no head file, no CURRENT and no first record", async () => {
    const web = await withTree();
    const length = await logLength(web);
    rmSync(join(store(web), "head"));
    rmSync(join(store(web), "log", "CURRENT"));
    const { stdout } = await web.run("salvage", "new");
    expect(stdout).toContain(`positions 1 to ${length}; nothing says where it ended`);
    expect((await inStore(web, "new", "snapshot-list", "web", "--name")).stdout).toBe("a\nb\nc\nroot\n");
  });

  it("finds a database under whatever name an opening left it", async () => {
    const web = await withTree();
    const length = await logLength(web);
    renameSync(join(store(web), "log"), join(store(web), "log.left"));
    expect((await web.run("salvage", "new")).stdout).toContain(`positions 1 to ${length}`);
    expect((await inStore(web, "new", "snapshot-list", "web", "--name")).stdout).toBe("a\nb\nc\nroot\n");
  });

  it("is refused for a store that is sound, and where something is already", async () => {
    const web = await withWeb();
    expect((await web.run("salvage", "new")).stderr).toMatch(/^error \[STORE_SOUND\] .*\nhint: .*backup/);
    expect(existsSync(store(web, "new"))).toBe(false);
    rmSync(join(store(web), "head"));
    expect((await web.run("salvage", "store")).stderr).toMatch(/^error \[STORE_EXISTS\] /);
  });

  it("takes away no file of an operation whose outcome it has lost: it may be the guest's disk", async () => {
    const web = await withWeb();
    await takeSnapshot(web, "one");
    const head = await headFile(web);
    // The last record is the outcome by which that file became the guest's head.
    await lose(web, await logLength(web));
    await web.run("salvage", "new");
    expect((await inStore(web, "new", "log")).stdout).toMatch(/began to create snapshot "one"/);
    const { stdout } = await inStore(web, "new", "recover", "--explain");
    expect(stdout).toContain("nothing was taken away");
    expect(existsSync(head)).toBe(true);
    expect((await inStore(web, "new", "verify", "--files")).stdout).toContain(`not known from the log: ${head}`);
  });
});

describe("a backup", () => {
  it("is the stored lines as they are, and a store can be made of it", async () => {
    const web = await withTree();
    const lines = await web.ok("log", "--json");
    await web.ok("backup", "log.tar.gz");
    expect(statSync(join(web.home, "log.tar.gz")).mode & 0o777).toBe(0o600);
    expect((await inStore(web, "new", "restore", "log.tar.gz", "--reason", "drill")).status).toBe(0);
    const restored = (await inStore(web, "new", "log", "--json")).stdout;
    expect(restored.startsWith(lines)).toBe(true);
    expect(restored.slice(lines.length)).toMatch(/^\{.*"type":"LogRestored".*\}\n$/);
    expect((await inStore(web, "new", "verify", "--files")).status).toBe(0);
    await web.ok("snapshot-create-as", "web", "still", "--offline");
  });

  it("never takes the place of a file, nor of a store", async () => {
    const web = await withWeb();
    writeFileSync(join(web.home, "there"), "mine");
    expect((await web.run("backup", "there")).stderr).toMatch(/^error \[FILE_EXISTS\] /);
    expect(readFileSync(join(web.home, "there"), "utf8")).toBe("mine");
    await web.ok("backup", "log.tar.gz");
    expect((await web.run("restore", "log.tar.gz")).stderr).toMatch(/^error \[STORE_EXISTS\] /);
  });

  it("that was cut, or is none, restores nothing", async () => {
    const web = await withWeb();
    await web.ok("backup", "log.tar.gz");
    const whole = readFileSync(join(web.home, "log.tar.gz"));
    writeFileSync(join(web.home, "cut.tar.gz"), whole.subarray(0, whole.length - 300));
    writeFileSync(join(web.home, "none.tar.gz"), "not a backup");
    for (const file of ["cut.tar.gz", "none.tar.gz"]) {
      const { status, stderr } = await inStore(web, "new", "restore", file);
      expect([status, stderr]).toEqual([6, expect.stringMatching(/^error \[BACKUP_INVALID\] .*\nhint: /)]);
      expect(existsSync(store(web, "new/log"))).toBe(false);
    }
    expect((await inStore(web, "never", "restore", "missing")).stderr).toMatch(/^error \[FILE_NOT_FOUND\] /);
    expect(existsSync(store(web, "never"))).toBe(false);
  });
});

describe("an old copy that was put back", () => {
  async function putBack(): Promise<Terminal> {
    const web = await withWeb();
    await web.ok("snapshot-create-as", "web", "one", "--offline");
    cpSync(store(web), store(web, "old"), { recursive: true, preserveTimestamps: true });
    await web.ok("snapshot-create-as", "web", "two", "--offline");
    renameSync(store(web), store(web, "newer"));
    renameSync(store(web, "old"), store(web));
    return web;
  }

  it("is read, but not written to, and what is missing is said", async () => {
    const web = await putBack();
    expect(await names(web)).toEqual(["one"]);
    const { status, stderr } = await web.run("snapshot-create-as", "web", "three", "--offline");
    expect(status).toBe(6);
    expect(stderr).toMatch(
      /^error \[LOG_BEHIND\] .* ends at 5, but positions 6 to 7 are known .*\nhint: .*--accept-roll/,
    );
  });

  it("is gone on from with a reason, which the log keeps", async () => {
    const web = await putBack();
    const create = ["snapshot-create-as", "web", "three", "--offline", "--accept-rollback"];
    expect((await web.run(...create)).stderr).toMatch(/^error \[USAGE\] --accept-rollback needs a reason/);
    await web.ok(...create, "--reason", "disk lost");
    expect(await web.ok("log")).toMatch(/went on from an old copy of the log, which ended at 5; 7 had been written/);
    await web.ok("snapshot-create-as", "web", "four", "--offline");
    expect(await names(web)).toEqual(["four", "one", "three"]);
  });

  it("is told from another history of the same length", async () => {
    const web = await putBack();
    const other = { ...web.environment, XDG_STATE_HOME: join(web.home, "elsewhere") };
    const stranger = new Terminal(web.home, other);
    await stranger.ok("snapshot-create-as", "web", "x", "--offline");
    expect((await web.run("snapshot-create-as", "web", "y", "--offline")).stderr).toMatch(
      /^error \[LOG_BEHIND\] Position 7 of this log is another record/,
    );
  });

  it("is found by any copy of its head that was kept", async () => {
    const web = await putBack();
    const newer = JSON.parse((await inStore(web, "newer", "head", "--json")).stdout) as { hash: string };
    const { status, stderr } = await web.run("verify", "--head", newer.hash);
    expect([status, stderr]).toEqual([
      6,
      expect.stringMatching(/^error \[LOG_DAMAGED\] Record 6: no record has the hash/),
    ]);
    const { hash } = JSON.parse(await web.ok("head", "--json")) as { hash: string };
    expect(await web.ok("verify", "--head", hash)).toContain("holds the given head, at position 5");
    expect((await web.run("verify", "--head", "abc")).status).toBe(2);
  });
});

describe("verify --files", () => {
  it("finds each file that is not what the log says, and those that it does not know", async () => {
    const web = await withTree();
    expect(await web.ok("verify", "--files")).toContain("6 files compared, 0 differ");
    const layers = async (name: string): Promise<string> =>
      ((await web.json("snapshot-info", "web", name)) as { layers: { vda: string } }).layers.vda;
    const [root, a, b, c] = [await layers("root"), await layers("a"), await layers("b"), await layers("c")];
    copyFileSync(root, `${root}.copy`);
    renameSync(`${root}.copy`, root);
    utimesSync(a, 1, 1);
    rmSync(b);
    await qemuImg("rebase", "-u", "-f", "qcow2", "-b", root, "-F", "qcow2", c);
    writeFileSync(join(a, "..", "stray.qcow2"), "");
    const { status, stdout, stderr } = await web.run("verify", "--files");
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^error \[FILES_DIFFER\] .*and 3 more.*\nhint: /)]);
    for (const [path, why] of [
      [root, /it is inode \d+, not/],
      [a, /time of change/],
      [b, /there is no such file/],
      [c, /its header names/],
    ] as const) {
      expect(stdout.split("\n").find((line) => line.includes(`${path}: `))).toMatch(why);
    }
    expect(stdout).toContain(`not known from the log: ${join(a, "..", "stray.qcow2")}`);
  });

  it("finds nothing after merges, whose folds rewrite and re-point files", async () => {
    const web = await withTree();
    await web.ok("snapshot-deactivate", "web", "c", "--mergeforce");
    await web.ok("snapshot-deactivate", "web", "a", "--merge");
    await web.ok("snapshot-deactivate", "web", "root", "--merge");
    expect(await web.ok("verify", "--files")).toContain("0 differ");
  });
});
