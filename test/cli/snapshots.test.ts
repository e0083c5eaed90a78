import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { DomainInfo, Outcome, SnapshotInfo } from "../../src/connection/api.ts";
import { digest } from "../support/images.ts";
import type { Terminal } from "../support/built-cli.ts";
import {
  guestWrites,
  headFile,
  logLength,
  names,
  takeSnapshot,
  withDemo,
  withTree,
  withWeb,
} from "../support/scene.ts";

describe("taking a snapshot", () => {
  it("works by the proposal's own command lines", async () => {
    const web = await withWeb();
    writeFileSync(join(web.home, "snap.xml"), "<domainsnapshot><name>one</name></domainsnapshot>");
    const refused = await web.run("snapshot-create", "--compress", "web", "snap.xml");
    expect([refused.status, refused.stderr.slice(0, 26)]).toEqual([3, "error [DOMAIN_NOT_RUNNING]"]);
    expect(await web.ok("snapshot-create", "--offline", "--compress", "web", "snap.xml")).toMatch(
      /^Domain snapshot one created from 'snap.xml'\n/,
    );
    expect(await web.ok("snapshot-list", "web")).toMatch(/ one {4}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 {3}shutoff\n/);
    expect(await web.ok("snapshot-dumpxml", "web", "one")).toContain("<compression>zlib</compression>");
    expect(await web.ok("create-with-snapshot", "web", "one", "--no-start")).toContain("'web' is not started");
    expect(await web.ok("snapshot-deactivate", "web", "one")).toMatch(/^Domain snapshot one deactivated\n/);
    expect(await web.ok("snapshot-deactivate", "web", "one", "--delete")).toMatch(/^Domain snapshot one discarded\n/);
  });

  it("takes XML from a file, from stdin, or none at all", async () => {
    const demo = await withDemo();
    await demo.ok("start", "demo");
    const described = "<domainsnapshot><name>one</name><description>first &amp; best</description></domainsnapshot>";
    expect((await demo.feed(described, "snapshot-create", "demo", "-")).stdout).toBe(
      "Domain snapshot one created from '-'\n",
    );
    expect(await demo.json("snapshot-info", "demo", "one")).toMatchObject({ description: "first & best" });
    const made = /^Domain snapshot (\d+) created\n$/;
    expect(await demo.ok("snapshot-create", "demo")).toMatch(made);
    expect((await demo.feed("<domainsnapshot/>", "snapshot-create", "demo", "-")).stdout).toMatch(/^Domain snapshot /);
    expect(await names(demo, "demo")).toHaveLength(3);
  });

  it("takes name and description as arguments", async () => {
    const web = await withWeb();
    expect(await web.ok("snapshot-create-as", "web", "one", "the first", "--offline")).toBe(
      "Domain snapshot one created\n",
    );
    expect(await web.json("snapshot-info", "web", "one")).toMatchObject({ description: "the first", current: true });
    expect(await web.ok("snapshot-create-as", "web", "--offline")).toMatch(/^Domain snapshot \d+ created\n$/);
  });

  it("says the memory of a running guest, its disks alone, or nothing running", async () => {
    const demo = await withDemo();
    await demo.ok("snapshot-create-as", "demo", "off", "--offline");
    await demo.ok("start", "demo");
    await demo.ok("snapshot-create-as", "demo", "memory");
    await demo.ok("snapshot-create-as", "demo", "disks", "--disk-only");
    const rows = (await demo.ok("snapshot-list", "demo")).split("\n").slice(2, 5);
    expect(rows.map((row) => row.trim().split(/ {3}/).at(-1))).toEqual(["disk-snapshot", "running", "shutoff"]);
    expect(await demo.ok("snapshot-list", "demo", "--name", "--active")).toBe("memory\n");
    expect(await demo.ok("snapshot-list", "demo", "--name", "--disk-only")).toBe("disks\n");
    expect(await demo.ok("snapshot-list", "demo", "--name", "--inactive", "--active")).toBe("memory\noff\n");
    expect((await demo.run("create-with-snapshot", "demo", "off")).stderr).toMatch(/^error \[DOMAIN_RUNNING\] /);
    await demo.ok("destroy", "demo");
    expect(await demo.ok("create-with-snapshot", "demo", "memory")).toMatch(
      /^Domain 'demo' started from snapshot memory\n/,
    );
    expect(await demo.ok("domstate", "demo")).toBe("running\n");
  });

  it("compresses with the method asked for, and refuses one that nobody knows", async () => {
    const web = await withWeb();
    await guestWrites(web, 7);
    const content = await digest(await headFile(web), "qcow2");
    await web.ok("snapshot-create-as", "web", "z", "--offline", "--compress-method", "zstd");
    const { compression, layers } = (await web.json("snapshot-info", "web", "z")) as SnapshotInfo;
    expect([compression, await digest(layers["vda"] ?? "", "qcow2")]).toEqual(["zstd", content]);
    const before = await logLength(web);
    const unknown = await web.run("snapshot-create-as", "web", "g", "--offline", "--compress-method", "gzip");
    expect([unknown.status, unknown.stderr.slice(0, 31)]).toEqual([3, "error [UNSUPPORTED_COMPRESSION]"]);
    expect(await logLength(web)).toBe(before + 1);
    const gzip = "<domainsnapshot><compression>gzip</compression></domainsnapshot>";
    expect((await web.feed(gzip, "snapshot-create", "--offline", "web", "-")).status).toBe(3);
    const both = await web.feed(gzip, "snapshot-create", "--offline", "web", "-", "--compress-method", "zlib");
    expect([both.status, both.stderr.slice(0, 13)]).toEqual([2, "error [USAGE]"]);
  });

  it("compresses the memory of a guest that runs by zstd, whichever way it is asked", async () => {
    const demo = await withDemo();
    await demo.ok("start", "demo");
    expect(await demo.ok("snapshot-create-as", "demo", "planned", "--compress", "--plan")).toMatch(
      /would save: +memory to \/\S+\.mem \(zstd\)\n/,
    );
    await demo.ok("snapshot-create-as", "demo", "a", "--compress");
    await demo.ok("snapshot-create-as", "demo", "b", "--compress-method", "zstd");
    const xml = "<domainsnapshot><name>c</name><compression>zstd</compression></domainsnapshot>";
    expect((await demo.feed(xml, "snapshot-create", "demo", "-")).status).toBe(0);
    for (const name of ["a", "b", "c"]) {
      expect(await demo.ok("snapshot-dumpxml", "demo", name)).toContain("<compression>zstd</compression>");
    }
    const refused = await demo.run("snapshot-create-as", "demo", "d", "--compress-method", "zlib");
    expect([refused.status, refused.stderr]).toEqual([
      3,
      expect.stringMatching(/^error \[UNSUPPORTED_COMPRESSION\] .*\nhint: Pass --compress-method zstd\. /),
    ]);
    expect(await demo.ok("log", "demo")).toMatch(/with its memory \([^)]*, compressed by zstd\)/);
  });

  it.each([
    ["broken XML", "<domainsnapshot><name>x</domainsnapshot>", "INVALID_XML"],
    ["no XML", "", "INVALID_XML"],
    ["another root", "<domain/>", "INVALID_XML"],
    ["an entity", "<!DOCTYPE a [<!ENTITY e 'x'>]><domainsnapshot/>", "INVALID_XML"],
    ["an endless file", `<domainsnapshot>${" ".repeat(1024 * 1024)}</domainsnapshot>`, "INVALID_XML"],
    ["a bad name", "<domainsnapshot><name>../x</name></domainsnapshot>", "INVALID_NAME"],
    ["a long name", `<domainsnapshot><name>${"x".repeat(256)}</name></domainsnapshot>`, "INVALID_NAME"],
    [
      "a long description",
      `<domainsnapshot><description>${"x".repeat(65537)}</description></domainsnapshot>`,
      "TOO_LARGE",
    ],
  ])("refuses %s before anything happens", async (_, document, code) => {
    const web = await withWeb();
    const before = await logLength(web);
    const { status, stdout, stderr } = await web.feed(document, "snapshot-create", "--offline", "web", "-");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(new RegExp(`^error \\[${code}\\] .*\nhint: .*\n$`));
    expect([await logLength(web), await names(web)]).toEqual([before, []]);
  });

  it("is refused, and the refusal recorded, when the name is taken", async () => {
    const web = await withWeb();
    await takeSnapshot(web, "one");
    const before = await logLength(web);
    const { status, stderr } = await web.run("snapshot-create-as", "web", "one", "--offline");
    expect([status, stderr.slice(0, 23)]).toEqual([3, "error [SNAPSHOT_EXISTS]"]);
    expect(await logLength(web)).toBe(before + 1);
  });

  it("checks the revision that was expected", async () => {
    const web = await withWeb();
    const { revision } = (await web.json("dominfo", "web")) as DomainInfo;
    const create = ["snapshot-create-as", "web", "one", "--offline", "--expect-revision"];
    const late = await web.run(...create, String(revision - 1));
    expect([late.status, late.stderr.slice(0, 25)]).toEqual([5, "error [REVISION_CONFLICT]"]);
    await web.ok(...create, String(revision));
  });
});

describe("looking at snapshots", () => {
  let web: Terminal;
  beforeAll(async () => {
    web = await withTree();
  });

  it("draws the tree as virsh does", async () => {
    const drawn = ["root", "  |", "  +- a", "      |", "      +- b", "      +- c", "        ", "", ""];
    expect(await web.ok("snapshot-list", "web", "--tree")).toBe(drawn.join("\n"));
    const part = ["a", "  |", "  +- b", "  +- c", "    ", "", ""];
    expect(await web.ok("snapshot-list", "web", "--tree", "--from", "a")).toBe(part.join("\n"));
  });

  it("lists with virsh's columns and filters", async () => {
    const list = async (...flags: string[]) => (await web.ok("snapshot-list", "web", "--name", ...flags)).split("\n");
    expect(await list()).toEqual(["a", "b", "c", "root", ""]);
    expect(await list("--roots")).toEqual(["root", ""]);
    expect(await list("--leaves")).toEqual(["b", "c", ""]);
    expect(await list("--no-leaves")).toEqual(["a", "root", ""]);
    expect(await list("--from", "root")).toEqual(["a", ""]);
    expect(await list("--from", "root", "--descendants", "--leaves")).toEqual(["b", "c", ""]);
    expect(await list("--topological")).toEqual(["root", "a", "b", "c", ""]);
    expect(await list("--active")).toEqual([""]);
    expect(await list("--deactivated")).toEqual([""]);
    const [titles = "", rule, first = ""] = (await web.ok("snapshot-list", "web", "--parent")).split("\n");
    expect(titles).toBe(" Name   Creation Time               State     Parent");
    expect(rule).toBe("-".repeat(4 + 25 + 7 + 6 + 4 * 3));
    expect(first).toMatch(/^ a {6}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 {3}shutoff {3}root$/);
  });

  it("shows one, with its layer files in JSON", async () => {
    const fields = ["Name:           a", "Domain:         web", "Current:        no", "State:          shutoff"];
    const more = ["Location:       external", "Parent:         root", "Children:       2", "Descendants:    2"];
    expect(await web.ok("snapshot-info", "web", "a")).toBe(
      [...fields, ...more, "Metadata:       yes", "", ""].join("\n"),
    );
    const { layers } = (await web.json("snapshot-info", "web", "a")) as SnapshotInfo;
    expect(Object.keys(layers)).toEqual(["vda"]);
    expect(readFileSync(layers["vda"] ?? "").subarray(0, 4).toString("latin1")).toBe("QFI\xfb"); // prettier-ignore
  });

  it("names the current one and a parent", async () => {
    expect(await web.ok("snapshot-current", "web", "--name")).toBe("c\n");
    expect(await web.ok("snapshot-current", "web")).toContain("<name>c</name>");
    expect(await web.ok("snapshot-info", "web", "--current")).toMatch(/^Name: {11}c\n/);
    expect(await web.ok("snapshot-parent", "web", "b")).toBe("a\n");
    expect(await web.ok("snapshot-parent", "web", "--current")).toBe("a\n");
    const root = await web.run("snapshot-parent", "web", "root");
    expect([root.status, root.stderr.slice(0, 53)]).toEqual([
      4,
      'error [SNAPSHOT_NOT_FOUND] Snapshot "root" has no par',
    ]);
  });

  it("dumps XML in the proposal's form and in libvirt's", async () => {
    const rfc = await web.ok("snapshot-dumpxml", "web", "a");
    expect(rfc).toMatch(
      /^<domainsnapshot>\n {2}<name>a<\/name>\n {2}<creationdate>\d{4}-\d\d-\d\dT[\d:.]+Z<\/creation/,
    );
    expect(rfc).toContain("<state>off</state>");
    const libvirt = await web.ok("snapshot-dumpxml", "web", "a", "--libvirt");
    expect(libvirt).toMatch(/<state>shutoff<\/state>[^]*<creationTime>\d+<\/creationTime>/);
    expect(await web.json("snapshot-dumpxml", "web", "a")).toEqual({ xml: rfc });
  });

  it("dumps XML that reads back as what is stored, and that no terminal acts on", async () => {
    const described = 'tabs\tand & <lines>\n"of" \u202eRLO \ufeff\u0085\u2028 ends';
    const other = await withWeb();
    await other.ok("snapshot-create-as", "web", "odd", described, "--offline");
    const xml = await other.ok("snapshot-dumpxml", "web", "odd");
    expect(xml).not.toMatch(/[\u202e\ufeff\u0085\u2028]/);
    await other.feed(xml.replace("<name>odd<", "<name>again<"), "snapshot-create", "web", "--offline", "-");
    expect(await other.json("snapshot-info", "web", "again")).toMatchObject({ description: described });
  });

  it("says 4 for what is not there, and adds nothing to the log", async () => {
    const before = await logLength(web);
    for (const verb of ["snapshot-info", "snapshot-dumpxml", "snapshot-parent"]) {
      const { status, stdout, stderr } = await web.run(verb, "web", "none");
      expect([verb, status, stdout, stderr.slice(0, 26)]).toEqual([verb, 4, "", "error [SNAPSHOT_NOT_FOUND]"]);
    }
    expect((await web.run("snapshot-list", "web", "--from", "none")).status).toBe(4);
    expect(await logLength(web)).toBe(before);
  });

  it("prints one JSON document for every reading verb", async () => {
    const listings: unknown[] = [await web.json("list"), await web.json("snapshot-list", "web", "--roots")];
    expect(listings).toMatchObject([[{ name: "web" }], [{ name: "root", children: 1, descendants: 3 }]]);
    expect(await web.json("snapshot-current", "web")).toMatchObject({ name: "c" });
    expect(await web.json("snapshot-parent", "web", "c")).toMatchObject({ name: "a" });
    expect(await web.json("domblklist", "web")).toMatchObject([{ target: "vda", depth: 3 }]);
    expect(await web.json("domstate", "web")).toEqual({ state: "off" });
  });
});

describe("starting from a snapshot", () => {
  it("keeps unsaved changes as a snapshot, unless told to throw them away", async () => {
    const web = await withTree();
    await guestWrites(web, 9);
    const kept = await web.ok("create-with-snapshot", "web", "b", "--no-start");
    const [, saved = ""] = /autosave: {5}unsaved changes were kept as snapshot "(autosave-[^"]+)"\n/.exec(kept) ?? [];
    expect(await names(web)).toEqual(["a", saved, "b", "c", "root"]);
    await guestWrites(web, 10);
    const dropped = await web.ok("create-with-snapshot", "web", "c", "--no-start", "--discard-changes");
    expect(dropped).toMatch(/ {2}deleted: {6}unsaved changes in the heads on snapshot "b" /);
    expect(await names(web)).toHaveLength(5);
  });

  it("reads what the snapshot held", async () => {
    const web = await withTree();
    const { layers } = (await web.json("snapshot-info", "web", "b")) as SnapshotInfo;
    const outcome = (await web.json("create-with-snapshot", "web", "b", "--no-start")) as Outcome;
    expect(outcome.current).toMatchObject({ name: "b" });
    expect(await digest(await headFile(web), "qcow2")).toBe(await digest(layers["vda"] ?? "", "qcow2"));
  });
});
