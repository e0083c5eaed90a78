import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Level } from "level";
import { describe, expect, it, onTestFinished } from "vitest";
import { recordKey } from "../../src/events/level/keys.ts";
import { sha256 } from "../../src/events/hash.ts";
import { trailerLength } from "../../src/events/seal.ts";
import { contents } from "../support/stores.ts";
import type { Ran } from "../support/built-cli.ts";
import { Terminal } from "../support/built-cli.ts";
import { withDemo } from "../support/scene.ts";

const storeOf = ({ home }: Terminal): string => join(home, "store");

/** Code, and that there is a next step. */
function expectTold({ status, stdout, stderr }: Ran, code: string, exit: number, hint: RegExp): void {
  expect(stderr).toMatch(new RegExp(`^error \\[${code}\\] .+\\nhint: .+`, "m"));
  expect(stderr.slice(stderr.indexOf("hint: "))).toMatch(hint);
  expect([status, stdout]).toEqual([exit, ""]);
}

const verbs = [["list"], ["snapshot-create", "demo", "--offline"], ["verify"], ["head"]];

async function expectAllTold(terminal: Terminal, code: string, exit: number, hint: RegExp): Promise<void> {
  for (const verb of verbs) expectTold(await terminal.run(...verb), code, exit, hint);
}

function makeFile(store: string): void {
  rmSync(store, { recursive: true });
  writeFileSync(store, "");
}

function makeLink(store: string): void {
  renameSync(store, `${store}2`);
  symlinkSync(`${store}2`, store);
}

describe("a store's folder that is", () => {
  it.each<[string, RegExp, (store: string) => void]>([
    ["a file", /Name the store's folder/, makeFile],
    ["a link to a store", /Name the folder itself/, makeLink],
    ["one that its group can write to", /chmod 700/, (store) => chmodSync(store, 0o770)],
    ["one that all can write to", /chmod 700/, (store) => chmodSync(store, 0o707)],
  ])("%s is STORE_UNSAFE for every verb", async (_, hint, make) => {
    const demo = await withDemo();
    make(storeOf(demo));
    await expectAllTold(demo, "STORE_UNSAFE", 3, hint);
  });

  it.runIf(process.getuid?.() === 0)("somebody else's is STORE_UNSAFE, for root too", async () => {
    const demo = await withDemo();
    chownSync(storeOf(demo), 65_534, 65_534);
    await expectAllTold(demo, "STORE_UNSAFE", 3, /Run as the user whose store it is/);
  });

  it("nowhere is STORE_NOT_FOUND", async () => {
    const demo = await withDemo();
    rmSync(storeOf(demo), { recursive: true });
    await expectAllTold(demo, "STORE_NOT_FOUND", 4, /snapledger init/);
  });
});

/** What asks the log alone. */
const asking = [
  ["list", "--name"],
  ["head"],
  ["dominfo", "demo"],
  ["log"],
  ["snapshot-list", "demo", "--name"],
  ["snapshot-info", "demo", "one"],
  ["verify", "--files", "--replay"],
  ["export"],
];

/** All of them, as they answer when all is well. */
async function answers(terminal: Terminal): Promise<string[]> {
  const all: string[] = [];
  for (const verb of asking) all.push(await terminal.ok(...verb));
  return all;
}

async function withMounted(mount: (store: string, at: string) => void): Promise<Terminal> {
  const demo = await withDemo();
  await demo.ok("snapshot-create-as", "demo", "one", "--offline");
  const at = join(demo.home, "mounted");
  mkdirSync(at);
  mount(storeOf(demo), at);
  onTestFinished(() => void execFileSync("umount", [at]));
  const mounted = new Terminal(demo.home, {
    SNAPLEDGER_STORE: join(at, "store"),
    TMPDIR: join(demo.home, "elsewhere"),
  });
  mkdirSync(join(demo.home, "elsewhere"));
  cpSync(storeOf(demo), join(at, "store"), { recursive: true, preserveTimestamps: true });
  for (const part of ["", "run", "log", "layers", "checkpoints"]) chmodSync(join(at, "store", part), 0o700);
  return mounted;
}

const atMounted = ({ home }: Terminal): string => join(home, "mounted");

function mountTmpfs(_: string, at: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", at]);
}

function fill(folder: string): void {
  try {
    for (const bytes of [65_536, 4096, 512]) for (;;) appendFileSync(join(folder, "filler"), Buffer.alloc(bytes, 1));
  } catch {
    return;
  }
}

describe.runIf(canMount())("a store on a disk that can't be written to", () => {
  it.each<[string, string, number, (at: string) => void, (at: string) => void]>([
    ["full", "DISK_FULL", 1, fill, (at) => rmSync(join(at, "filler"))],
    [
      "read-only",
      "STORE_UNSAFE",
      3,
      (at) => void execFileSync("mount", ["-o", "remount,ro", at]),
      (at) => void execFileSync("mount", ["-o", "remount,rw", at]),
    ],
  ])(
    "%s is read in a copy, changed by nobody, and works again later",
    async (_, code, exit, spoil, mend) => {
      const terminal = await withMounted(mountTmpfs);
      const before = await answers(terminal);
      spoil(atMounted(terminal));
      const stored = contents(join(atMounted(terminal), "store"));
      expect(await answers(terminal)).toEqual(before);
      const { stderr } = await terminal.run("list");
      expect(stderr).toMatch(
        new RegExp(`^warning \\[${code}\\] .* from a copy of the log, made in .*/elsewhere .*\\nhint: .+`),
      );
      await terminal.ok("backup", join(terminal.home, "b.tar.gz"));
      expectTold(await terminal.run("snapshot-create", "demo", "--offline"), code, exit, /./);
      expectTold(await terminal.run("checkpoint"), code, exit, /./);
      expect(contents(join(atMounted(terminal), "store"))).toEqual(stored);
      expect(readdirSync(join(terminal.home, "elsewhere"))).toEqual([]);
      mend(atMounted(terminal));
      expect((await terminal.run("list")).stderr).toBe("");
      await terminal.ok("snapshot-create", "demo", "--offline");
    },
    120_000,
  );

  it("says what would help where there is no room for a copy either", async () => {
    const terminal = await withMounted(mountTmpfs);
    fill(atMounted(terminal));
    const same = new Terminal(terminal.home, { ...terminal.environment, TMPDIR: atMounted(terminal) });
    const missing = new Terminal(terminal.home, { ...terminal.environment, TMPDIR: "/nowhere" });
    for (const verb of [["list"], ["verify"]])
      for (const none of [same, missing])
        expectTold(await none.run(...verb), "DISK_FULL", 1, /Free some space there.*set TMPDIR to a folder .*: \//);
  });

  it("is damaged all the same if it is", async () => {
    const terminal = await withMounted(mountTmpfs);
    const head = join(atMounted(terminal), "store", "head");
    writeFileSync(head, Buffer.alloc(readFileSync(head).length));
    fill(atMounted(terminal));
    const { status, stdout, stderr } = await terminal.run("list", "--name");
    expect([status, stdout]).toEqual([6, "demo\n"]);
    expect(stderr).toMatch(/warning \[LOG_DAMAGED\]/);
  });
});

function canMount(): boolean {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

describe("a store of a later version", () => {
  it("is STORE_FORMAT, and left as it is", async () => {
    const demo = await withDemo();
    const db = new Level<string, string>(join(storeOf(demo), "log"));
    const line = (await db.get(recordKey(1))).replace('"format":1', '"format":2').slice(0, -trailerLength);
    await db.put(recordKey(1), `${line},"hash":"sha256:${sha256(line)}"}`);
    await db.close();
    for (const verb of verbs)
      expectTold(await demo.run(...verb), "STORE_FORMAT", 3, /Use the version of snapledger that wrote this store/);
  });
});

/** Names as they are, numbers as they come. */
const kindOf = (name: string): string => name.replace(/\d{6}/, "N");

describe("a store that was half copied", () => {
  it("is whole again, or says that it is damaged, whichever kind of file is missing", async () => {
    const demo = await withDemo();
    for (let n = 0; n < 3; n++) await demo.ok("snapshot-create-as", "demo", `s${n}`, "--offline");
    const all = [...contents(storeOf(demo)).keys()];
    const kinds = new Map(all.map((name) => [kindOf(name), name]));
    const told: Record<string, string> = {};
    for (const [kind, name] of kinds) {
      const copy = join(demo.home, "copy");
      cpSync(storeOf(demo), copy, { recursive: true });
      rmSync(join(copy, name));
      const { status, stdout, stderr } = await demo.run("--store", copy, "snapshot-list", "demo", "--name");
      told[kind.replace(/.*-.*json$/, "run/DOMAIN.json")] =
        status === 0 ? "whole" : (/\[(\w+)\]/.exec(stderr)?.[1] ?? "");
      if (status === 0) expect([stdout, stderr]).toEqual(["s0\ns1\ns2\n", ""]);
      else expect(stderr, kind).toMatch(/\nhint: .*(salvage|verify)/);
      rmSync(copy, { recursive: true });
    }
    expect(told).toMatchObject({ "log/CURRENT": "LOG_DAMAGED", "log/MANIFEST-N": "LOG_DAMAGED", head: "LOG_DAMAGED" });
    expect(told).toMatchObject({ "log/N.ldb": "LOG_DAMAGED", "log/N.log": "LOG_DAMAGED", "log/LOCK": "whole" });
  }, 120_000);

  it("without its log folder is LOG_DAMAGED, and nothing is made in its place", async () => {
    const demo = await withDemo();
    rmSync(join(storeOf(demo), "log"), { recursive: true });
    expectTold(await demo.run("list"), "LOG_DAMAGED", 6, /salvage/);
    expect((await demo.run("init")).status).toBe(3);
    expect(existsSync(join(storeOf(demo), "log"))).toBe(false);
  });

  it("without its empty folders works: they are made again, or not needed", async () => {
    const demo = await withDemo();
    for (const part of ["layers", "run", "checkpoints"]) rmSync(join(storeOf(demo), part), { recursive: true });
    await demo.ok("snapshot-create-as", "demo", "one", "--offline");
    expect(await demo.ok("snapshot-list", "demo", "--name")).toBe("one\n");
    expect(await demo.ok("verify")).toMatch(/records verified/);
  });

  it("in the midst of an opening, with nothing of it gone, works", async () => {
    const demo = await withDemo();
    const store = storeOf(demo);
    mkdirSync(join(store, "log.aside"));
    for (const name of readdirSync(join(store, "log")))
      writeFileSync(join(store, "log.aside", name), readFileSync(join(store, "log", name)));
    expect(await demo.ok("list", "--name")).toBe("demo\n");
  });
});
