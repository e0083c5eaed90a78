import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { initStore } from "../../src/store/store.ts";
import { actor } from "../support/events.ts";
import { freshFolder } from "../support/folders.ts";
import { bundle, Terminal, type Ran } from "../support/built-cli.ts";
import { withDemo } from "../support/scene.ts";

/** A path that is wrong gets a code and a next step, and nobody waits for ever: /proc takes no folder from anybody. */

const tooLong = "n".repeat(300);

function expectRefused({ status, stdout, stderr }: Ran, code: string, exit: number): void {
  expect(stderr).toMatch(new RegExp(`^error \\[${code}\\] .+\\nhint: .+\\n$`));
  expect([status, stdout]).toEqual([exit, ""]);
}

describe("a store in a place that takes none is STORE_UNSAFE", () => {
  it.each(["/proc/x", "/proc/x/y", "/etc/passwd/x", "/etc/passwd/x/y", `/tmp/${tooLong}`, `/tmp/${tooLong}/x`])(
    "for init: %s",
    async (store) => expectRefused(await new Terminal(freshFolder()).run("init", "--store", store), "STORE_UNSAFE", 3),
  );

  it("for restore and salvage", async () => {
    const demo = await withDemo();
    await demo.ok("backup", "b.tar.gz");
    expectRefused(await demo.run("restore", "b.tar.gz", "--store", "/proc/x/y"), "STORE_UNSAFE", 3);
    rmSync(join(demo.home, "store", "head"));
    expectRefused(await demo.run("salvage", "/proc/x/y"), "STORE_UNSAFE", 3);
  });

  it.each([{ XDG_DATA_HOME: "/proc/q" }, { HOME: "/etc/passwd" }, { HOME: "/proc/q" }])(
    "for init with %j",
    async (environment) => {
      const terminal = new Terminal(freshFolder(), { SNAPLEDGER_STORE: "", ...environment });
      expectRefused(await terminal.run("init"), "STORE_UNSAFE", 3);
    },
  );

  it("and what is said is of the path, not of a store's owner or disk", async () => {
    const clock = () => Date.UTC(2026, 0, 1);
    await expect(initStore("/proc/x", { clock, newId: () => "", actor })).rejects.toMatchObject({
      ...{ code: "STORE_UNSAFE", message: "No store can be made in /proc/x: no folder can be made there." },
      hint: "Name another folder, in one that this user may write to.",
    });
  });
});

it.each(["/etc/passwd/x", "/proc/x", "/nowhere/at/all/x", tooLong])(
  "a backup in a place that takes none is FILE_NOT_FOUND: %s",
  async (file) => expectRefused(await (await withDemo()).run("backup", file), "FILE_NOT_FOUND", 4),
);

describe("what this user's commands know from before", () => {
  it.each([{ XDG_STATE_HOME: "/proc/a/b" }, { HOME: "/proc" }])("is not needed: %j", async (environment) => {
    const demo = await withDemo();
    const odd = new Terminal(demo.home, environment);
    await odd.ok("snapshot-create-as", "demo", "one", "--offline");
    expect(await odd.ok("snapshot-list", "demo", "--name")).toBe("one\n");
  });

  it("makes no home for a user who has none, but the state folder that is asked for", async () => {
    const demo = await withDemo();
    const [home, state] = [join(demo.home, "nobody"), join(demo.home, "a", "state")];
    await new Terminal(demo.home, { HOME: home }).ok("list");
    expect(existsSync(home)).toBe(false);
    await new Terminal(demo.home, { HOME: home, XDG_STATE_HOME: state }).ok("list");
    expect(existsSync(join(state, "snapledger", "heads"))).toBe(true);
  });
});

describe("in a working folder that was removed", () => {
  it.each([
    ["list", "--store", "store"],
    ["define", "--driver", "memory", "--name", "b", "--disk", "vda=x"],
    ["backup", "b.tar.gz"],
  ])("a relative path is FILE_NOT_FOUND: %s %s %s", async (...args) => {
    const demo = await withDemo();
    const gone = join(demo.home, "gone");
    mkdirSync(gone);
    expectRefused(await ranIn(gone, demo, args), "FILE_NOT_FOUND", 4);
  });

  it("absolute ones work", async () => {
    const demo = await withDemo();
    const gone = join(demo.home, "gone");
    mkdirSync(gone);
    expect(await ranIn(gone, demo, ["list", "--name"])).toEqual({ status: 0, stdout: "demo\n", stderr: "" });
  });
});

/** In a folder that is gone before anything of the command line runs. */
function ranIn(folder: string, { environment }: Terminal, args: readonly string[]): Promise<Ran> {
  const script = `rmdir "$PWD" && exec "$@"`;
  return new Promise((resolve) => {
    const words = ["-c", script, "sh", process.execPath, bundle, ...args];
    execFile("sh", words, { cwd: folder, env: environment }, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}
