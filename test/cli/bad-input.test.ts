import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { snapshotting } from "../support/commands.ts";
import { makeQcow2, MiB, qemuImg } from "../support/images.ts";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import type { Terminal } from "../support/built-cli.ts";
import {
  execute,
  guestWrites,
  headFile,
  logLength,
  names,
  takeSnapshot,
  withDemo,
  withStore,
  withTree,
  withWeb,
} from "../support/scene.ts";

/** What users get wrong, or find in the way: a code, a next step, a status, and everything left as it was. */

const merge = ["snapshot-deactivate", "web", "a", "--merge"] as const;

/** Every file's content under a folder that holds images: none may be touched by what is refused. */
function contents(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(qcow2|img)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path} ${readFileSync(path).toString("base64")}`);
}

interface Refused {
  readonly status: number;
  readonly code: string;
  readonly hint: RegExp;
  /** How many records it adds. */
  readonly records: number;
}

async function expectRefused(terminal: Terminal, args: readonly string[], refused: Refused): Promise<void> {
  const before = { files: contents(terminal.home), length: await logLength(terminal) };
  const { status, stdout, stderr } = await terminal.run(...args);
  expect([status, stdout]).toEqual([refused.status, ""]);
  expect(stderr).toMatch(new RegExp(`^error \\[${refused.code}\\] .*\nhint: .*\n$`));
  expect(stderr.split("hint: ")[1]).toMatch(refused.hint);
  expect(contents(terminal.home)).toEqual(before.files);
  expect((await logLength(terminal)) - before.length).toBe(refused.records);
}

/** One snapshot a of a domain on web.qcow2. */
async function withSnapshot(): Promise<{ web: Terminal; image: string }> {
  const web = await withWeb();
  await guestWrites(web, 1);
  await takeSnapshot(web, "a");
  return { web, image: join(web.home, "web.qcow2") };
}

describe("a base image that may not be rewritten", () => {
  it("because it is read-only, root or not", async () => {
    const { web, image } = await withSnapshot();
    chmodSync(image, 0o444);
    await expectRefused(web, merge, { status: 3, code: "BASE_IMAGE_READ_ONLY", hint: /chmod u\+w/, records: 1 });
  });

  it("because it is gone, or another file has its place", async () => {
    const { web, image } = await withSnapshot();
    const refused = { status: 3, code: "NOTHING_BELOW", hint: /^Put the base image back, .*'cp -a'/, records: 1 };
    renameSync(image, `${image}.aside`);
    await expectRefused(web, merge, refused);
    copyFileSync(`${image}.aside`, image);
    await expectRefused(web, merge, { status: 3, code: "FILES_CHANGED", hint: /^Put back what was there/, records: 1 });
    execFileSync("cp", ["-a", `${image}.aside`, image]);
    await web.ok(...merge);
  });

  it("because it is larger", async () => {
    const web = await withWeb();
    await qemuImg("resize", "-q", "--shrink", "-f", "qcow2", await headFile(web), String(MiB / 2));
    await takeSnapshot(web, "a");
    await expectRefused(web, merge, { status: 3, code: "BASE_IMAGE_LARGER", hint: /never cut/, records: 1 });
  });

  it("and one that is being rewritten is nothing to define a domain on", async () => {
    const { web } = await withSnapshot();
    const full = withFakeTool(web, "commit", "echo 'qemu-img: No space left on device' >&2; exit 1");
    expect((await full.run(...merge)).status).toBe(1);
    const define = ["define", "--name", "other", "--disk", "vda=web.qcow2"];
    await expectRefused(web, define, { status: 3, code: "BASE_PENDING", hint: /compact web/, records: 0 });
  });
});

describe("files of ours", () => {
  it("that are missing need an operator, be it a head or a layer", async () => {
    const web = await withTree();
    const head = await headFile(web);
    const aside = join(web.home, "aside");
    const refused = {
      status: 1,
      code: "NEEDS_OPERATOR",
      hint: /mounted\? If they are lost, put them back from a backup, or /,
      records: 0,
    };
    renameSync(head, aside);
    await expectRefused(web, ["snapshot-create-as", "web", "d", "--offline"], { ...refused, records: 1 });
    renameSync(aside, head);
    const { layers } = (await web.json("snapshot-info", "web", "b")) as { layers: { vda: string } };
    renameSync(layers.vda, aside);
    await expectRefused(web, ["snapshot-deactivate", "web", "b", "--mergeforce"], refused);
    renameSync(aside, layers.vda);
    expect(await names(web)).toEqual(["a", "b", "c", "root"]);
  });

  it("that are all missing are all named by recover, and come back with their folder", async () => {
    const web = await withTree();
    const folder = join(await headFile(web), "..");
    const files = readdirSync(folder).map((name) => join(folder, name));
    renameSync(folder, `${folder}.aside`);
    const { status, stdout, stderr } = await web.run("recover", "--explain");
    expect([status, stdout]).toEqual([0, "Domain 'web': nothing to recover\n"]);
    expect(stderr).toMatch(/^warning \[NEEDS_OPERATOR\] .* are missing: .*\nhint: Is their file system mounted\?/);
    for (const path of files) expect(stderr).toContain(path);
    renameSync(`${folder}.aside`, folder);
    expect(await web.run("recover", "--explain")).toMatchObject({ stderr: "" });
  });

  it("that are missing when a domain is undefined are not told to be kept; the log has them all the same", async () => {
    const web = await withTree();
    const folder = join(await headFile(web), "..");
    const [one = "", ...others] = readdirSync(folder).map((name) => join(folder, name));
    renameSync(one, join(web.home, "aside"));
    const { status, stdout, stderr } = await web.run("undefine", "web", "--keep-files");
    expect(status).toBe(0);
    for (const path of others) expect(stdout).toContain(path);
    expect(stdout).not.toContain(one);
    expect(stderr).toContain(`warning [FILE_NOT_FOUND] Of the files that were to be kept 1 are not there: ${one}.`);
    expect(JSON.stringify(await web.json("show", String(await logLength(web))))).toContain(one);
  });

  it("in a folder that others can write to are not added to; the attempt is recorded", async () => {
    const web = await withWeb();
    const folder = join(await headFile(web), "..");
    chmodSync(folder, 0o777);
    const refused = { status: 1, code: "LAYERS_UNSAFE", hint: /^chmod go-w /, records: 2 };
    await expectRefused(web, ["snapshot-create-as", "web", "d", "--offline"], refused);
    chmodSync(folder, 0o700);
    await web.ok("snapshot-create-as", "web", "d", "--offline");
  });

  it("are not made when the disk is full; the attempt is recorded, and nothing is left", async () => {
    const web = await withWeb();
    const full = withFakeTool(web, "create", "echo 'qemu-img: /x: No space left on device' >&2; exit 1");
    const refused = { status: 1, code: "DISK_FULL", hint: /^Free some space/, records: 2 };
    await expectRefused(full, ["snapshot-create-as", "web", "d", "--offline"], refused);
    await web.ok("snapshot-create-as", "web", "d", "--offline");
  });
});

describe("a folder for layers", () => {
  it("that may not be made is refused, root or not", async () => {
    const terminal = await withStore();
    await makeQcow2(join(terminal.home, "ok.qcow2"), MiB);
    const define = ["define", "--name", "web", "--disk", "vda=ok.qcow2", "--layers", "/sys/snapledger"];
    await expectRefused(terminal, define, {
      ...{ status: 1, code: "DRIVER_FAILED", hint: /^Give this user the right to it, or choose /, records: 2 },
    });
  });

  it.each([
    ["that others can write to", "open", /^chmod go-w /, 0],
    ["below a file", "ok.qcow2/layers", /^Choose another one/, 0],
    // Only trying tells.
    ["where none can be made", "/proc/snapledger", /^Choose another one/, 2],
  ])("%s is refused, and the name stays free", async (_, folder, hint, records) => {
    const terminal = await withStore();
    await makeQcow2(join(terminal.home, "ok.qcow2"), MiB);
    mkdirSync(join(terminal.home, "open"));
    chmodSync(join(terminal.home, "open"), 0o777);
    const define = ["define", "--name", "web", "--disk", "vda=ok.qcow2"];
    await expectRefused(terminal, [...define, "--layers", folder], {
      ...{ status: 1, code: "LAYERS_UNSAFE", hint, records },
    });
    await terminal.ok(...define, "--layers", "mine");
  });
});

describe("a store", () => {
  it("that others can write to is not opened", async () => {
    const terminal = await withStore();
    const store = join(terminal.home, "store");
    chmodSync(store, 0o770);
    const { status, stderr } = await terminal.run("list");
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error \[STORE_UNSAFE\] .*\nhint: chmod 700 /);
    chmodSync(store, 0o700);
    await terminal.ok("list");
  });
});

const many = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => snapshotting("demo", `${prefix}${n}`));

describe("a chain that is as deep as it may be", () => {
  it("is warned of on the way, and not made deeper", async () => {
    const demo = await withDemo();
    await execute(demo, ...many("s", 49));
    const warned = await demo.run("snapshot-create-as", "demo", "fiftieth", "--offline");
    expect([warned.status, warned.stderr]).toEqual([0, expect.stringMatching(/^warning \[CHAIN_DEEP\] .*\nhint: /)]);
    await execute(demo, ...many("t", 100));
    const create = ["snapshot-create-as", "demo", "more", "--offline"];
    await expectRefused(demo, create, { status: 3, code: "CHAIN_TOO_DEEP", hint: /^Merge snapshots /, records: 1 });
  });
});

describe("what is recorded of a refusal", () => {
  const noSuch = { code: "SNAPSHOT_NOT_FOUND", status: 4, hint: /./ };
  let web: Terminal;
  beforeAll(async () => (web = await withTree()));
  const orphan = { code: "MERGE_WOULD_ORPHAN", status: 3, hint: /--mergeforce/ };

  it.each([
    ["one by a rule", ["snapshot-deactivate", "web", "c", "--merge"], { ...orphan, records: 1 }],
    ["a name that is not there", ["snapshot-deactivate", "web", "x", "--merge"], { ...noSuch, records: 1 }],
    ["one that was only planned", ["snapshot-deactivate", "web", "c", "--merge", "--plan"], { ...orphan, records: 0 }],
    ["a name that is not there to plan on", ["create-with-snapshot", "web", "x", "--plan"], { ...noSuch, records: 0 }],
    ["a name that is not there to read", ["snapshot-info", "web", "x"], { ...noSuch, records: 0 }],
    [
      "a bad name",
      ["snapshot-create-as", "web", "a/b", "--offline"],
      { code: "INVALID_NAME", status: 2, hint: /^Names have /, records: 0 },
    ],
    ["a bad flag", ["snapshot-list", "web", "--all-of-it"], { code: "USAGE", status: 2, hint: /--help/, records: 0 }],
    [
      "a revision that has passed",
      ["snapshot-deactivate", "web", "b", "--delete", "--expect-revision", "1"],
      { code: "REVISION_CONFLICT", status: 5, hint: /--expect-revision/, records: 0 },
    ],
    [
      "another revision, of what is only read",
      ["snapshot-list", "web", "--expect-revision", "1"],
      { code: "REVISION_CONFLICT", status: 5, hint: /--expect-revision/, records: 0 },
    ],
  ])("%s", async (_, args, refused) => {
    await expectRefused(web, args, refused);
  });

  it("is the command, what the rule saw, its code and its hint", async () => {
    await web.run("snapshot-deactivate", "web", "c", "--merge", "--reason", "tidy up", "--ticket", "OPS-7");
    const line = (await web.ok("log", "web", "--json")).trimEnd().split("\n").at(-1) ?? "";
    expect(JSON.parse(line)).toMatchObject({
      ...{ type: "CommandRejected", reason: "tidy up", ticket: "OPS-7" },
      data: {
        command: { type: "MergeSnapshot", snapshot: "c", force: false },
        ...{ code: "MERGE_WOULD_ORPHAN", errorFacts: { orphaned: ["b"] }, facts: { guest: "off" } },
        hint: "Pass --mergeforce to discard that too. Nothing was changed.",
      },
    });
  });
});
