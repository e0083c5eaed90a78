import { appendFileSync, cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { freshFolder } from "../support/folders.ts";
import { bundle, Terminal } from "../support/built-cli.ts";
import { logLength, withDemo, withStore } from "../support/scene.ts";

let demo: Terminal;
beforeEach(async () => {
  demo = await withDemo();
});

const at = (name: string) => join(demo.home, name);
const text = (name: string) => readFileSync(at(name), "utf8");
const lines = (name: string) => text(name).split("\n").slice(0, -1);
const snapshot = (name: string) => demo.ok("snapshot-create-as", "demo", name, "--offline");
const toFile = ["export", "--cursor", "cursor", "-o", "out"];

async function refused(...args: string[]): Promise<string | undefined> {
  const { status, stderr } = await demo.run(...args);
  expect(stderr).toMatch(/^error \[[A-Z_]+\] .*\nhint: .*\n$/);
  return `${status} ${/\[([A-Z_]+)\]/.exec(stderr)?.[1] ?? ""}`;
}

describe("export", () => {
  it("without a format is the stored lines, and of one domain its own", async () => {
    const log = await demo.ok("log", "--json");
    expect(await demo.ok("export")).toBe(log);
    expect(await demo.ok("export", "demo")).toBe(log.slice(log.indexOf("\n") + 1));
    expect(await demo.ok("export", "--limit", "2")).toBe(log.split("\n").slice(0, 2).join("\n") + "\n");
  });

  it("writes each record in the format asked for", async () => {
    for (const format of ["cloudevents", "ocsf"]) {
      const events = (await demo.ok("export", "--format", format)).trimEnd().split("\n");
      expect(events.map((line) => typeof JSON.parse(line)).every((type) => type === "object")).toBe(true);
      expect(events).toHaveLength(await logLength(demo));
    }
    const syslog = (await demo.ok("export", "demo", "--format", "syslog")).trimEnd().split("\n");
    expect(syslog.at(-1)).toMatch(
      /^<110>1 \S+Z \S+ snapledger - DomainDefined \[.* name="demo" .*\] .* defined domain demo/,
    );
  });

  it("refuses what is wrong", async () => {
    expect(await refused("export", "--format", "xml")).toBe("2 USAGE");
    expect(await refused("export", "--limit", "0")).toBe("2 USAGE");
    expect(await refused("export", "nope")).toBe("4 DOMAIN_NOT_FOUND");
    expect(await refused("export", "-o", "no/such/folder")).toBe("4 FILE_NOT_FOUND");
  });
});

describe("an export with a cursor, into a file", () => {
  it("appends what came since, each record once", async () => {
    expect(await demo.ok(...toFile)).toBe("3 records appended to out\n");
    expect(await demo.ok(...toFile)).toBe("0 records appended to out\n");
    await snapshot("one");
    expect(await demo.json(...toFile)).toEqual({ exported: 2, output: "out" });
    expect(text("out")).toBe(await demo.ok("log", "--json"));
    expect([statSync(at("out")).mode & 0o777, statSync(at("cursor")).mode & 0o777]).toEqual([0o600, 0o600]);
  });

  it("goes on a few at a time", async () => {
    for (let i = 0; i < 3; i++) await demo.ok(...toFile, "--limit", "2");
    expect(text("out")).toBe(await demo.ok("log", "--json"));
  });

  it("writes again what a run left that died before its cursor was saved, and nothing twice", async () => {
    await demo.ok(...toFile);
    const before = text("cursor");
    await snapshot("one");
    await demo.ok(...toFile);
    const whole = text("out");
    for (const left of [whole, whole.slice(0, -40), `${whole}torn`]) {
      writeFileSync(at("cursor"), before);
      writeFileSync(at("out"), left);
      await demo.ok(...toFile);
      expect(text("out")).toBe(whole);
    }
  });

  it("does so from its first run on, and after another file was put in the place of the first", async () => {
    const log = await demo.ok("log", "--json");
    for (const round of [1, 2]) {
      // As if it had died just before its end: the file is written, and how far it came is not saved.
      await demo.ok(...toFile);
      const started = JSON.parse(text("cursor")) as { output: { inode: number; bytes: number } };
      const dead = { ...started, position: 0, hash: "", output: { ...started.output, bytes: 0 } };
      writeFileSync(at("cursor"), JSON.stringify(dead));
      await demo.ok(...toFile);
      expect([round, text("out")]).toEqual([round, log]);
      renameSync(at("out"), at(`out.${round}`));
      rmSync(at("cursor"));
    }
  });

  it("saves which file it writes before it writes", async () => {
    const full = ["export", "--cursor", "cursor", "-o", "/dev/full"];
    expect(await refused(...full)).toBe("1 DISK_FULL");
    expect(JSON.parse(text("cursor"))).toMatchObject({ position: 0, output: { bytes: 0 } });
    expect(await demo.ok(...toFile)).toBe("3 records appended to out\n");
  });

  it("leaves alone what was put in the file's place, as a log rotation does", async () => {
    await demo.ok(...toFile);
    renameSync(at("out"), at("out.1"));
    writeFileSync(at("out"), "of somebody else, and longer than what was there".repeat(200));
    await snapshot("one");
    await demo.ok(...toFile);
    expect(lines("out").at(-1)).toBe((await demo.ok("log", "--json")).trimEnd().split("\n").at(-1));
    expect(text("out").startsWith("of somebody else")).toBe(true);
    expect(lines("out.1")).toHaveLength(3);
  });

  it("is survived by kill -9 at any moment", async () => {
    for (let i = 0; i < 5; i++) await snapshot(`s${i}`);
    for (let i = 0; i < 8; i++) {
      const child = demo.start(...toFile, "--limit", "2");
      const gone = new Promise((resolve) => child.once("exit", resolve));
      await new Promise((resolve) => setTimeout(resolve, 40 + i * 25));
      child.kill("SIGKILL");
      await gone;
    }
    await demo.ok(...toFile);
    expect(text("out")).toBe(await demo.ok("log", "--json"));
  });

  it("is one at a time", async () => {
    const name = createHash("sha256")
      .update(join(realpathSync(demo.home), "cursor"))
      .digest("hex");
    const holder = createServer().listen(`\0snapledger/cursor/${name}`);
    await new Promise((resolve) => holder.once("listening", resolve));
    expect(await refused(...toFile)).toBe("5 CURSOR_BUSY");
    expect(existsSync(at("out"))).toBe(false);
    await new Promise((resolve) => holder.close(resolve));
    expect(await demo.ok(...toFile)).toBe("3 records appended to out\n");
  });
});

describe("a cursor", () => {
  it("on stdout counts once all of it was taken", async () => {
    const first = await demo.ok("export", "--cursor", "cursor");
    await snapshot("one");
    expect(first + (await demo.ok("export", "--cursor", "cursor"))).toBe(await demo.ok("log", "--json"));
    expect(await demo.ok("export", "--cursor", "cursor")).toBe("");
  });

  it("stays where it was when the output cannot be written", () => {
    const script = 'node "$0" export --cursor cursor >/dev/full';
    const { status } = spawnSync("bash", ["-c", script, bundle], { env: demo.environment, cwd: demo.home });
    expect([status, existsSync(at("cursor"))]).toEqual([1, false]);
  });

  it("of another log, of a longer one, or of another history exports nothing", async () => {
    await demo.ok(...toFile);
    const old = freshFolder();
    cpSync(at("store"), join(old, "store"), { recursive: true });
    const other = await withStore();
    expect(await refused(...toFile, "--store", join(other.home, "store"))).toBe("6 CURSOR_MISMATCH");
    await snapshot("one");
    await demo.ok(...toFile);
    const rolledBack = new Terminal(old);
    const behind = await rolledBack.run("export", "--cursor", at("cursor"), "-o", at("out"));
    expect([behind.status, behind.stderr.slice(0, 23)]).toEqual([6, "error [CURSOR_MISMATCH]"]);
    for (const name of ["x", "y"]) await rolledBack.ok("snapshot-create-as", "demo", name, "--offline");
    const rewritten = await rolledBack.run("export", "--cursor", at("cursor"), "-o", at("out"));
    expect(rewritten.stderr).toMatch(/position \d+ is another record/);
    expect(lines("out")).toHaveLength(5);
  });

  it("that is none is not written over", async () => {
    for (const none of ["", "hello", "{}", "[1]", '{"logId":"a","position":"1","hash":"b"}']) {
      writeFileSync(at("cursor"), none);
      expect(await refused(...toFile)).toBe("2 CURSOR_INVALID");
      expect(text("cursor")).toBe(none);
    }
    rmSync(at("cursor"));
    appendFileSync(at("cursor"), "");
    expect(await refused("export", "--cursor", "no/such/folder/cursor")).toBe("4 FILE_NOT_FOUND");
  });
});
