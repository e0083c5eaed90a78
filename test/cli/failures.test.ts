import { execFile } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Level } from "level";
import { describe, expect, it } from "vitest";
import { connect } from "../../src/connection/connection.ts";
import { recordKey } from "../../src/events/level/keys.ts";
import type { SnapshotInfo } from "../../src/connection/api.ts";
import { digest, makeQcow2, MiB } from "../support/images.ts";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import { elsewhere } from "../support/namespaces.ts";
import { Terminal, type Ran } from "../support/built-cli.ts";
import {
  guestWrites,
  headFile,
  logLength,
  names,
  takeSnapshot,
  withStore,
  withTree,
  withWeb,
} from "../support/scene.ts";

/** A fake that leaves a mark and then takes very long, as a big fold does. */
const takesLong = (terminal: Terminal) => `touch ${join(terminal.home, "begun")}; exec sleep 600`;

async function begun({ home }: Terminal): Promise<void> {
  while (!existsSync(join(home, "begun"))) await sleep(10);
}

/** More than a pipe holds: once it is all written, the process reads it, and so is past its start. */
const longText = `<domainsnapshot>${" ".repeat(900 * 1024)}`;

interface Running {
  readonly child: ChildProcess;
  /** Its exit status and what it said on stderr. */
  readonly end: Promise<readonly [status: number | null, stderr: string]>;
}

function start(terminal: Terminal, ...args: readonly string[]): Running {
  const child = terminal.start(...args);
  let stderr = "";
  child.stderr?.on("data", (data: Buffer) => (stderr += data.toString()));
  return { child, end: once(child, "close").then(([status]) => [status as number | null, stderr]) };
}

describe("Ctrl-C", () => {
  it("before anything is done changes nothing, says so and exits 130", async () => {
    const web = await withWeb();
    const before = await logLength(web);
    const { child, end } = start(web, "snapshot-create", "web", "-", "--offline");
    await new Promise((read) => child.stdin?.write(longText, read));
    child.kill("SIGINT");
    expect(await end).toEqual([
      130,
      "error [INTERRUPTED] Interrupted.\nhint: Nothing was changed. Run it again when you like.\n",
    ]);
    expect(await logLength(web)).toBe(before);
  });

  it("in a long fold stops it where it can be taken up again, and says how", async () => {
    const web = await withTree();
    const content = await digest(await headFile(web), "qcow2");
    const slow = withFakeTool(web, "commit", takesLong(web));
    const { child, end } = start(slow, "snapshot-deactivate", "web", "c", "--mergeforce");
    await begun(web);
    child.kill("SIGINT");
    const [status, stderr] = await end;
    expect(status).toBe(130);
    expect(stderr).toMatch(/^error \[INTERRUPTED\] .*\nhint: .*snapledger compact web/m);
    expect([await names(web), await digest(await headFile(web), "qcow2")]).toEqual([["a", "root"], content]);
    expect(await web.ok("compact", "web")).toMatch(/^Domain 'web' compacted\n {2}folds: {8}1 done, 0 pending\n/);
    expect(await digest(await headFile(web), "qcow2")).toBe(content);
  });
});

describe("a fold that cannot be done now", () => {
  const fails = "echo 'qemu-img: No space left on device' >&2; exit 1";

  it("is a warning after a merge into a snapshot, which reads right all the same", async () => {
    const web = await withTree();
    const { status, stderr } = await withFakeTool(web, "commit", fails).run(
      "snapshot-deactivate",
      "web",
      "c",
      "--mergeforce",
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warning \[COMPACTION_PENDING\] .*\nhint: .*snapledger compact web/m);
    expect(await web.ok("compact", "web")).toContain("1 done, 0 pending");
  });

  it("is an error after a merge into the base image, but what was done is said", async () => {
    const web = await withWeb();
    await guestWrites(web, 5);
    await takeSnapshot(web, "one");
    const full = withFakeTool(web, "commit", fails);
    const { status, stdout, stderr } = await full.run("snapshot-deactivate", "web", "one", "--merge");
    expect([status, stdout.split("\n")[0]]).toEqual([1, "Domain snapshot one merged into the base image"]);
    expect(stderr).toMatch(/^error \[COMPACTION_PENDING\] .*\nhint: .*snapledger compact web/m);
    expect(await web.ok("dominfo", "web")).toContain("Folds pending:  1\n");
    expect((await full.run("undefine", "web")).stderr).toMatch(/^error \[COMPACTION_UNFINISHED\] /m);
    await web.ok("compact", "web");
    expect(await web.ok("dominfo", "web")).toContain("Folds pending:  0\n");
  });
});

describe("a tool that fails", () => {
  it("leaves everything as it was, and the log says so", async () => {
    const web = await withTree();
    const broken = withFakeTool(web, "create", "echo 'qemu-img: it is broken' >&2; exit 1");
    const { status, stderr } = await broken.run("snapshot-create-as", "web", "d", "--offline");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error \[DRIVER_FAILED\] .*it is broken.*\nhint: /);
    expect(await names(web)).toEqual(["a", "b", "c", "root"]);
    expect((await web.ok("log", "web")).trimEnd().split("\n").at(-1)).toContain("DRIVER_FAILED");
  });

  it("or is not installed: then it says what to install", async () => {
    const web = await withWeb();
    const without = new Terminal(web.home, { ...web.environment, PATH: join(web.home, "empty") });
    const { status, stderr } = await without.run("snapshot-create-as", "web", "d", "--offline");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error \[DRIVER_FAILED\] .*\nhint: .*apt-get install qemu-utils/);
  });
});

/** The same store, with a bug in the program: giving a finished layer its name throws what nobody thought of. */
function withBug({ home, environment }: Terminal): Terminal {
  const bug = join(home, "bug.cjs");
  const thrown = `new TypeError("Cannot read properties of undefined (reading 'layer')")`;
  const throwing = `(from, to) => { if (to.endsWith(".qcow2")) throw ${thrown}; link(from, to); }`;
  writeFileSync(bug, `const fs = require("node:fs"); const link = fs.linkSync; fs.linkSync = ${throwing};\n`);
  return new Terminal(home, { ...environment, NODE_OPTIONS: `--require ${bug}` });
}

describe("a bug", () => {
  it("in the middle of a command exits 1, says what to do, and the next command settles what had begun", async () => {
    const web = await withTree();
    const { status, stdout, stderr } = await withBug(web).run("snapshot-create-as", "web", "d", "--offline");
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^error: Cannot read .*'layer'\)\nhint: .* fault, .*`snapledger recover`.*SNAPLEDGER_DEBUG=1.*report it\.\n$/,
    );
    expect((await web.run("snapshot-list", "web", "--name")).stderr).toMatch(/^warning \[OPERATION_IN_PROGRESS\] /);
    const next = await web.run("snapshot-create-as", "web", "e", "--offline");
    expect([next.status, next.stderr]).toEqual([
      0,
      expect.stringMatching(/^warning \[RECOVERED\] CreateSnapshot of .* died/),
    ]);
    expect(await names(web)).toEqual(["a", "b", "c", "e", "root"]);
  });

  it("is told as JSON without a code, and by SNAPLEDGER_DEBUG where it is", async () => {
    const web = await withTree();
    const bug = withBug(web);
    const json = await bug.run("--json", "snapshot-create-as", "web", "d", "--offline");
    expect(JSON.parse(json.stderr)).toMatchObject({
      ...{ code: null, message: expect.stringMatching(/^Cannot read/) as string, position: null },
      hint: expect.stringContaining("snapledger recover") as string,
    });
    const debug = new Terminal(bug.home, { ...bug.environment, SNAPLEDGER_DEBUG: "1" });
    const { stderr } = await debug.run("snapshot-create-as", "web", "d", "--offline");
    expect(stderr).toMatch(/\nTypeError: Cannot read .*\n +at .*bug\.cjs/);
    expect(await web.ok("recover", "--explain")).toMatch(/^Domain 'web': recovered\n/);
  });
});

describe("two at a time", () => {
  it("the second on one domain is told whom it waits for; reading goes on, and says that something is under way", async () => {
    const web = await withTree();
    const slow = withFakeTool(web, "convert", takesLong(web));
    const { child, end } = start(slow, "snapshot-create", "--offline", "--compress", "web");
    await begun(web);
    const second = await web.run("--wait", "0", "snapshot-create-as", "web", "d", "--offline");
    expect(second.status).toBe(5);
    expect(second.stderr).toMatch(/^error \[OPERATION_IN_PROGRESS\] .*\nhint: /);
    const list = await web.run("snapshot-list", "web", "--name");
    expect([list.status, list.stdout]).toEqual([0, "a\nb\nc\nroot\n"]);
    expect(list.stderr).toMatch(
      /^warning \[OPERATION_IN_PROGRESS\] CreateSnapshot on "web" by .*\nhint: .*recover --explain web/,
    );
    child.kill("SIGINT");
    expect((await end)[0]).toBe(130);
    expect((await web.run("snapshot-list", "web", "--name")).stderr).toBe("");
  });

  it("a log that another process keeps open is busy", async () => {
    const web = await withWeb();
    const holder = await connect({ store: join(web.home, "store"), hold: true });
    await holder.head();
    const { status, stderr } = await web.run("list", "--wait", "0.1");
    await holder.close();
    expect(status).toBe(5);
    expect(stderr).toMatch(/^error \[LOG_BUSY\] .*\nhint: /);
  });
});

describe.skipIf(!elsewhere)("in another network namespace, as a container has", () => {
  it("commands take their turns on the log, and wait for one domain's operation", { timeout: 60_000 }, async () => {
    const web = await withTree();
    await web.ok("define", "--driver", "memory", "--name", "db", "--disk", "vda=/db.qcow2");
    const there = (...args: string[]): Promise<Ran> => {
      const [command = "", ...words] = [...(elsewhere ?? []), process.execPath, web.program, ...args];
      return new Promise((resolve) => {
        execFile(command, words, { cwd: web.home, env: web.environment }, (error, stdout, stderr) =>
          resolve({ status: Number(error?.code ?? 0), stdout, stderr }),
        );
      });
    };
    const before = await logLength(web);
    const create = (n: number): Promise<Ran> => {
      const args = ["snapshot-create-as", n % 2 ? "web" : "db", `s${n}`, "--offline", "--wait", "60"];
      return n % 4 < 2 ? there(...args) : web.run(...args);
    };
    const ran = await Promise.all(Array.from({ length: 16 }, (_, n) => create(n)));
    expect(ran.map(({ status, stderr }) => [status, stderr])).toEqual(ran.map(() => [0, ""]));
    expect((await web.run("verify")).status).toBe(0);
    expect(await logLength(web)).toBe(before + 32);
    const slow = withFakeTool(web, "convert", takesLong(web));
    const { child, end } = start(slow, "snapshot-create", "--offline", "--compress", "web");
    await begun(web);
    expect(await there("snapshot-create-as", "web", "d", "--offline", "--wait", "0")).toMatchObject({
      status: 5,
      stderr: expect.stringMatching(/^error \[OPERATION_IN_PROGRESS\]/) as string,
    });
    child.kill("SIGINT");
    await end;
  });
});

describe("a manager that dies", () => {
  it("leaves an operation that recover settles, and explains", async () => {
    const web = await withTree();
    const slow = withFakeTool(web, "convert", `touch ${join(web.home, "begun")}; kill -9 $PPID; exit 1`);
    const { end } = start(slow, "snapshot-create", "--offline", "--compress", "web");
    expect((await end)[0]).toBe(null);
    const recovered = await web.ok("recover", "--explain");
    expect(recovered).toMatch(/^Domain 'web': recovered\n {2}CreateSnapshot of .* died before its outcome/);
    const length = await logLength(web);
    expect(await web.ok("recover", "--explain")).toBe("Domain 'web': nothing to recover\n");
    expect([await logLength(web), await names(web)]).toEqual([length, ["a", "b", "c", "root"]]);
  });
});

/** What LevelDB says on a full disk, said by each of its batches. */
function withFullLog({ home }: Terminal): string {
  const path = join(home, "full.cjs");
  const error = `Object.assign(new Error("IO error: No space left on device"), { code: "LEVEL_IO_ERROR" })`;
  const load = "const { dlopen } = process; process.dlopen = (module, ...rest) => { dlopen(module, ...rest);";
  writeFileSync(path, `${load} module.exports.batch_write = () => Promise.reject(${error}); };\n`);
  return path;
}

describe("a log", () => {
  it("that cannot be written to says so, changes nothing, and goes on when it can", async () => {
    const web = await withWeb();
    const environment = { ...web.environment, NODE_OPTIONS: `--require ${withFullLog(web)}` };
    const before = await logLength(web);
    const create = ["snapshot-create-as", "web", "a", "--offline"];
    const { status, stderr } = await new Terminal(web.home, environment).run(...create);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error \[LOG_UNWRITABLE\] .*No space left.*\nhint: .*\n$/);
    expect([await logLength(web), await names(web)]).toEqual([before, []]);
    await web.ok(...create);
  });

  it("that a later version wrote is not read by this one", async () => {
    const web = await withWeb();
    const db = new Level<string, string>(join(web.home, "store", "log"));
    const body = (await db.get(recordKey(3))).slice(0, -82).replace('"schema":1', '"schema":2');
    const hash = createHash("sha256").update(body).digest("hex");
    await db.put(recordKey(3), `${body},"hash":"sha256:${hash}"}`);
    await db.close();
    const { status, stderr } = await web.run("log");
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error \[STORE_FORMAT\] .*\nhint: .*\n$/);
  });
});

describe("a log that someone changed", () => {
  it("is found by verify, which says where and exits 6", async () => {
    const web = await withWeb();
    const db = new Level<string, string>(join(web.home, "store", "log"));
    const line = await db.get(recordKey(2));
    await db.put(recordKey(2), line.replace('"user":"scenery"', '"user":"nobody!"'));
    await db.close();
    const { status, stdout, stderr } = await web.run("verify");
    expect([status, stdout]).toEqual([6, ""]);
    expect(stderr).toMatch(/^error \[LOG_DAMAGED\] Record 2: .* 1 record is proven\.\nhint: /);
    expect((await web.run("verify", "--json")).stdout).toContain('"valid": 1');
  });
});

describe("recover of every domain", () => {
  /** Domains with a fold each that waits; those that are named have lost the file that it needs. */
  async function waiting(...broken: readonly string[]): Promise<Terminal> {
    const terminal = await withStore();
    const full = withFakeTool(terminal, "commit", "echo 'qemu-img: No space left on device' >&2; exit 1");
    for (const name of ["aa", "bb", "cc"]) {
      const path = await makeQcow2(join(terminal.home, `${name}.qcow2`), MiB);
      await terminal.ok("define", "--name", name, "--disk", `vda=${path}`);
      await terminal.ok("snapshot-create-as", name, "one", "--offline");
      const { layers } = (await terminal.json("snapshot-info", name, "one")) as SnapshotInfo;
      const layer = layers["vda"] ?? "";
      expect((await full.run("snapshot-deactivate", name, "one", "--merge")).status).toBe(1);
      if (broken.includes(name)) renameSync(layer, `${layer}.aside`);
    }
    return terminal;
  }

  it("settles those that it can, shows what keeps each other from it, and exits as the first of those", async () => {
    const some = await waiting("aa", "cc");
    const { status, stdout, stderr } = await some.run("recover", "--explain");
    expect([status, stdout]).toEqual([
      1,
      "Domain 'bb': recovered\n  1 unfinished fold was done.\nDomain 'aa': not recovered\nDomain 'cc': not recovered\n",
    ]);
    expect(stderr).toMatch(
      /^error \[NEEDS_OPERATOR\] .*"cc".*\nhint: .*\nerror \[NEEDS_OPERATOR\] .*"aa".*\nhint: .*\n$/,
    );
    expect(await some.ok("dominfo", "bb")).toContain("Folds pending:  0\n");
    expect(await some.ok("dominfo", "aa")).toContain("Folds pending:  1\n");
  });

  it("with --json prints the outcomes, and the error has them and all that is not settled", async () => {
    const some = await waiting("bb");
    const { status, stdout, stderr } = await some.run("recover", "--json");
    expect(status).toBe(1);
    const settled = [{ domain: { name: "aa" }, folded: 1 }, { domain: { name: "cc" } }];
    expect(JSON.parse(stdout)).toMatchObject(settled);
    const unsettled = [{ domain: { name: "bb" }, code: "NEEDS_OPERATOR" }];
    const said = stderr.trimEnd().split("\n").at(-1) ?? "";
    expect(JSON.parse(said)).toMatchObject({ code: "NEEDS_OPERATOR", facts: { outcomes: settled, unsettled } });
  });
});
