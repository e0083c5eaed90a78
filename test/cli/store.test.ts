import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freshFolder } from "../support/folders.ts";
import { Terminal } from "../support/built-cli.ts";
import { withStore } from "../support/scene.ts";

describe("a store", () => {
  it("is where --store, SNAPLEDGER_STORE or the XDG data folder says", async () => {
    const home = freshFolder();
    const terminal = new Terminal(home);
    expect(await terminal.ok("init")).toBe(`Store created in ${home}/store\n`);
    expect(await terminal.ok("init", "--store", "other")).toBe(`Store created in ${home}/other\n`);
    const xdg = new Terminal(home, { SNAPLEDGER_STORE: "", XDG_DATA_HOME: join(home, "data") });
    expect(await xdg.ok("init")).toBe(`Store created in ${home}/data/snapledger\n`);
    const relative = new Terminal(home, { SNAPLEDGER_STORE: "", XDG_DATA_HOME: "not/absolute" });
    expect(await relative.ok("init")).toBe(`Store created in ${home}/.local/share/snapledger\n`);
  });

  it("is not created twice", async () => {
    const { status, stderr } = await (await withStore()).run("init");
    expect(status).toBe(3);
    expect(stderr).toMatch(/^error \[STORE_EXISTS\] .*\nhint: .*\n$/);
  });

  it("is created by init alone", async () => {
    const terminal = new Terminal(freshFolder());
    for (const verb of [["list"], ["head"], ["define", "--driver", "memory", "--name", "a", "--disk", "vda=/x"]]) {
      const { status, stderr } = await terminal.run(...verb);
      expect(status).toBe(4);
      expect(stderr).toMatch(/^error \[STORE_NOT_FOUND\] .*\nhint: .*snapledger init.*\n$/);
    }
    expect(existsSync(join(terminal.home, "store"))).toBe(false);
  });

  it("is named before or after the verb", async () => {
    const { home } = await withStore();
    const elsewhere = new Terminal(home, { SNAPLEDGER_STORE: "/nowhere" });
    const list = await elsewhere.ok("list", "--store", "store");
    expect(list).toBe(" Id   Name   State\n--------------------\n\n");
    expect(await elsewhere.ok("--store", "store", "list")).toBe(list);
    expect(await elsewhere.ok("--store=store", "list")).toBe(list);
    expect(await elsewhere.ok("--wait", "1", "--json", "--store", "store", "list")).toBe("[]\n");
  });

  it("shows where its log ends, and proves it", async () => {
    const terminal = await withStore();
    const head = (await terminal.json("head")) as { logId: string; position: number; hash: string };
    expect(head).toMatchObject({ position: 1 });
    expect(await terminal.ok("head")).toBe(
      `Log:            ${head.logId}\nPosition:       1\nHash:           ${head.hash}\n`,
    );
    expect(await terminal.ok("verify")).toBe(`1 record verified; the log ends at 1 with ${head.hash}\n`);
    expect(await terminal.json("verify")).toEqual({
      ...{ ok: true, head, valid: 1, firstBad: null, heldAt: null, files: null, replay: null },
    });
  });
});
