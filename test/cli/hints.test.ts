import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cliCommand, SnapledgerError } from "../../src/errors.ts";
import { Inside } from "../support/in-process-cli.ts";
import { Terminal } from "../support/built-cli.ts";
import { withStore } from "../support/scene.ts";

const hostile = `my vm's; touch PWNED $(touch PWNED) "q"`;

/** On a store that is named on the command line alone. */
async function elsewhere(): Promise<Terminal> {
  const { home } = await withStore();
  const terminal = new Terminal(home, { SNAPLEDGER_STORE: "" });
  await terminal.ok("--store", "store", "define", "--driver", "memory", "--name", hostile, "--disk", "vda=/x");
  mkdirSync(join(home, "bin"));
  writeFileSync(join(home, "bin/snapledger"), `#!/bin/sh\nexec '${process.execPath}' '${terminal.program}' "$@"\n`);
  chmodSync(join(home, "bin/snapledger"), 0o755);
  return terminal;
}

/** Runs what a hint says, as somebody does who pastes it into a shell. */
function paste({ home, environment }: Terminal, text: string): string {
  const command = /`(snapledger .*)`/.exec(text)?.[1] ?? expect.unreachable(text);
  const env = { ...environment, PATH: `${join(home, "bin")}:${environment["PATH"] ?? ""}` };
  const said = execFileSync("/bin/sh", ["-c", command], { cwd: home, env, encoding: "utf8" });
  expect(existsSync(join(home, "PWNED"))).toBe(false);
  return said;
}

it("a command in a hint runs as it stands: on the same store, and with a name as one word", async () => {
  const terminal = await elsewhere();
  const store = ["--store", "store"];
  const missing = await terminal.run(...store, "snapshot-deactivate", hostile, "nope", "--merge");
  expect(paste(terminal, missing.stderr)).toMatch(/^ Name /);
  const read = await terminal.run("snapshot-info", hostile, "nope", "--store=store");
  expect(paste(terminal, read.stderr)).toMatch(/^ Name /);
  const json = await terminal.run(...store, "--json", "snapshot-info", hostile, "nope");
  expect(paste(terminal, (JSON.parse(json.stderr) as { hint: string }).hint)).toMatch(/^ Name /);
  const off = await terminal.run(...store, "destroy", hostile);
  expect(paste(terminal, off.stderr)).toBe("shut off\n");
  await terminal.ok(...store, "start", hostile);
  const running = await terminal.run(...store, "undefine", hostile);
  expect(paste(terminal, running.stderr)).toContain("destroyed");
  const unknown = await terminal.run(...store, "dominfo", "nobody");
  expect(paste(terminal, unknown.stderr)).toContain(hostile);
});

it("so do those of recover, which tells of several domains", async () => {
  const inside = new Inside();
  const unsettled = ["aa", "b b"].map((name) => ({
    ...{
      domain: { id: name, name },
      code: "COMPACTION_PENDING",
      message: "No.",
      hint: `Go on: ${cliCommand("compact", name)}.`,
    },
  }));
  const error = new SnapledgerError("COMPACTION_PENDING", "No.", { facts: { outcomes: [], unsettled } });
  Object.assign(inside.connection, { recover: () => Promise.reject(error) });
  const { stderr } = await inside.run("--store", "/s", "recover");
  expect(stderr).toContain("hint: Go on: `snapledger --store /s compact 'b b'`.\n");
});

it("so does one in the shell, whose own store goes with each of its commands", async () => {
  const terminal = await elsewhere();
  const inside = await terminal.feed("dominfo nobody\n", "--store", "store", "shell");
  expect(paste(terminal, inside.stderr)).toContain(hostile);
  const line = await terminal.feed("--store store dominfo nobody\n", "shell");
  expect(paste(terminal, line.stderr)).toContain(hostile);
});

it("a store that nobody names on the command line is not named in a hint, and never in the log", async () => {
  const terminal = await elsewhere();
  const named = new Terminal(terminal.home, {});
  expect((await named.run("dominfo", "nobody")).stderr).toContain("hint: See `snapledger list`.\n");
  await terminal.run("--store", "store", "snapshot-deactivate", hostile, "nope", "--merge");
  expect(await named.ok("log", "--json")).not.toContain("--store");
});
