import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import { ctrlC, ctrlD, down, enter, OnTerminal, tab, up } from "./on-terminal.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, names, takeSnapshot, withStore, withTree, withWeb } from "../support/scene.ts";

/** The shell as a person has it, on a real terminal. */

const prompt = "snapledger> ";
const historyFile = ({ home }: Terminal) => join(home, ".local", "state", "snapledger", "shell-history");

async function shellOn(terminal: Terminal, ...args: readonly string[]): Promise<OnTerminal> {
  const shell = new OnTerminal(terminal, "shell", ...args);
  await shell.until(/snapledger shell on .*store/);
  await shell.until(prompt);
  return shell;
}

describe("the shell on a terminal", () => {
  it("prompts, completes, remembers lines, and leaves by Ctrl-D", async () => {
    const web = await withWeb();
    await takeSnapshot(web, "before upgrade");
    const shell = await shellOn(web);

    shell.press("snapshot-cur");
    await shell.until("snapshot-cur");
    shell.press(tab);
    await shell.until("rent ");
    shell.press("w");
    await shell.until("w");
    shell.press(tab);
    await shell.until("eb ");
    shell.press("--name", enter);
    expect(await shell.until(prompt)).toContain("before upgrade\n");

    shell.press("snapshot-info web bef");
    await shell.until("bef");
    shell.press(tab);
    await shell.until("ore\\ upgrade ");
    shell.press(enter);
    expect(await shell.until(prompt)).toMatch(/Name: +before upgrade\n/);

    shell.press(up, up);
    await shell.until("snapshot-current web --name");
    shell.press(enter);
    expect(await shell.until(prompt)).toContain("before upgrade\n");
    shell.press(ctrlD);
    expect(await shell.ended).toBe(0);
  });

  it("shows what could come next at the second Tab", async () => {
    const shell = await shellOn(await withStore());
    shell.press("snapshot-c");
    await shell.until("snapshot-c");
    shell.press(tab);
    await sleep(300);
    shell.press(tab);
    await shell.until(/snapshot-create +snapshot-create-as/);
    shell.press(ctrlC, "exit", enter);
    expect(await shell.ended).toBe(0);
  });

  it("keeps the history in a file of the user's own, but for lines that begin with a space", async () => {
    const terminal = await withStore();
    const first = await shellOn(terminal);
    for (const line of ["list", " list --reason secret", "list", "head"]) {
      first.press(line, enter);
      await first.until(prompt);
    }
    first.press("quit", enter);
    await first.ended;
    expect(readFileSync(historyFile(terminal), "utf8")).toBe("list\nhead\nquit\n");
    expect(statSync(historyFile(terminal)).mode & 0o777).toBe(0o600);

    const lines = Array.from({ length: 1500 }, (_, i) => `show ${i + 1}`);
    writeFileSync(historyFile(terminal), [...lines, "list \u001b]0;title\u0007", ""].join("\n"));
    chmodSync(historyFile(terminal), 0o644);
    const second = await shellOn(terminal);
    second.press(up);
    await second.until("show 1500");
    second.press(down, ctrlD);
    expect(await second.ended).toBe(0);
    const kept = readFileSync(historyFile(terminal), "utf8").split("\n");
    expect([kept.length, kept[0], statSync(historyFile(terminal)).mode & 0o777]).toEqual([1001, "show 501", 0o600]);
  });

  it("clears the line by Ctrl-C, and asks for the rest of a quote", async () => {
    const terminal = await withStore();
    const before = await logLength(terminal);
    const shell = await shellOn(terminal);
    shell.press("define --name x", ctrlC);
    await shell.until(`^C\n${prompt}`);
    shell.press("list --reason 'first", enter);
    await shell.until("... ");
    shell.press("second'", enter);
    await shell.until(/Id +Name/);
    await shell.until(prompt);
    shell.press("list 'never", enter);
    await shell.until("... ");
    shell.press(ctrlC);
    await shell.until(prompt);
    shell.press("list 'never", enter);
    await shell.until("... ");
    shell.press(ctrlD);
    await shell.until("The single quote at column 6 is not finished.");
    await shell.until(prompt);
    shell.press("snapshot-lst", enter);
    await shell.until("Did you mean snapshot-list?");
    await shell.until(prompt);
    // Pasted at once: each is run in its turn.
    shell.press(`head${enter}list --name${enter}exit${enter}`);
    await shell.until(/sha256:[0-9a-f]{64}/);
    expect(await shell.ended).toBe(0);
    expect(await logLength(terminal)).toBe(before);
  });

  it("ends what is done by Ctrl-C, and not itself: a merge can be taken up again", async () => {
    const web = await withTree();
    const mark = join(web.home, "begun");
    const slow = withFakeTool(web, "commit", `touch ${mark}; exec sleep 600`);
    const shell = await shellOn(slow);
    shell.press("snapshot-deactivate web c --mergeforce", enter);
    while (!existsSync(mark)) await sleep(10);
    // Others work on meanwhile: the shell holds nothing.
    expect(await web.ok("--wait", "0", "snapshot-list", "web", "--name")).toContain("root");
    shell.press(ctrlC);
    await shell.until("[INTERRUPTED]");
    await shell.until(prompt);
    shell.press("log --follow", enter);
    await shell.until("merged snapshot");
    shell.press(ctrlC);
    await shell.until(prompt);
    shell.press("exit", enter);
    expect(await shell.ended).toBe(0);
    expect(await web.ok("compact", "web")).toContain("1 done, 0 pending");
    expect(await web.ok("verify", "--files")).toContain("0 differ");
    expect(await names(web)).toEqual(["a", "root"]);
  });

  it("is not ended by a Ctrl-C that comes late, when what it was meant for has ended", async () => {
    const shell = await shellOn(await withStore());
    shell.signal("SIGINT");
    await sleep(200);
    shell.press("list --name", enter);
    await shell.until(prompt);
    shell.press("exit", enter);
    expect(await shell.ended).toBe(0);
  });

  it("has verbs that take the whole terminal, and what ends it at the first error", async () => {
    const shell = await shellOn(await withTree(), "-e");
    shell.press("replay web", enter);
    await shell.until("replay web  0 of");
    shell.press("n");
    await shell.until("replay web  1 of");
    shell.press("q");
    await shell.until(prompt);
    shell.press("snapshot-create web -", enter);
    await shell.until("- is stdin, and the commands come from there.");
    expect(await shell.ended).toBe(2);
  });
});
