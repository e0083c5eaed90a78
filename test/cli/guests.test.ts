import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EventRecord } from "../../src/connection/api.ts";
import { countingImages } from "../support/counter.ts";
import { killGuest, monitor } from "../support/guest-hands.ts";
import { freshFolder } from "../support/folders.ts";
import { bundle, Terminal } from "../support/built-cli.ts";
import { logLength, webUuid } from "../support/scene.ts";

/** Guests under the command line as a user runs it: processes that are killed, and a guest that outlives them. */

async function withGuest(home = freshFolder()): Promise<Terminal> {
  const terminal = new Terminal(home);
  await terminal.ok("init");
  await terminal.ok(...(await defining(home)));
  onTestFinished(async () => {
    await terminal.run("destroy", "web");
  });
  return terminal;
}

async function defining(home: string): Promise<string[]> {
  const [vda, vdb] = await countingImages(home);
  const machine = ["--memory", "32", "--vcpus", "1", "--accel", "tcg"];
  return ["define", "--name", "web", "--uuid", webUuid, "--disk", `vda=${vda}`, "--disk", `vdb=${vdb}`, ...machine];
}

const runOf = ({ home }: Terminal) => join(home, "store", "run");

async function counts(terminal: Terminal): Promise<void> {
  const counter = async () => Number(/:\s+(-?\d+)/.exec(await monitor(runOf(terminal), webUuid, "xp /1dw 0x500"))?.[1]);
  for (let times = 0; times < 3000; times++) {
    const now = await counter();
    if (now > 0 && now < 2048) return;
    await sleep(10);
  }
  throw new Error("the guest does not count");
}

/** The program, and the native package that it needs, where everybody may read them: a checkout may be its owner's alone. */
function programForAll(): string {
  const folder = freshFolder();
  chmodSync(folder, 0o755);
  const native = fileURLToPath(new URL("../../node_modules/classic-level", import.meta.url));
  const filter = (path: string) => !path.includes(join("classic-level", "deps"));
  cpSync(native, join(folder, "node_modules", "classic-level"), { recursive: true, filter });
  cpSync(dirname(bundle), folder, { recursive: true });
  return join(folder, basename(bundle));
}

describe("a guest of the qemu driver", () => {
  it("runs on when the command that started it has ended, and shows what it is", async () => {
    const web = await withGuest();
    expect(await web.ok("start", "web")).toBe("Domain 'web' started\n");
    expect(await web.ok("domstate", "web")).toBe("running\n");
    expect(await web.ok("suspend", "web")).toBe("Domain 'web' suspended\n");
    expect(await web.ok("domstate", "web")).toBe("paused\n");
    const folder = join(runOf(web), "guests", webUuid);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder))
      expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(await web.ok("destroy", "web")).toBe("Domain 'web' destroyed\n");
    expect(await web.ok("domstate", "web")).toBe("shut off\n");
  });

  it("that died is told by domstate, and recorded by the next command", async () => {
    const web = await withGuest();
    await web.ok("start", "web");
    await killGuest(runOf(web), webUuid);
    const { stdout, stderr } = await web.run("domstate", "web");
    expect([stdout, stderr]).toEqual([
      "shut off\n",
      expect.stringMatching(/^warning \[GUEST_CHANGED\] .*running.*\nhint: .*recover web/),
    ]);
    expect((await web.run("snapshot-create-as", "web", "s")).stderr).toMatch(/^error \[DOMAIN_NOT_RUNNING\] /);
    expect(await web.ok("log", "web")).toContain("noted that web was no longer running");
    expect((await web.run("start", "web")).status).toBe(0);
  });

  it("goes on through managers that are killed while they snapshot it", async () => {
    const web = await withGuest();
    await web.ok("start", "web");
    await counts(web);
    for (let i = 0; i < 6; i++) {
      const manager = web.start("snapshot-create-as", "web", `s${i}`, ...(i % 2 === 0 ? [] : ["--disk-only"]));
      const ended = once(manager, "close");
      await sleep(120 + i * 40);
      manager.kill("SIGKILL");
      await ended;
      await web.ok("recover", "web");
      const length = await logLength(web);
      await web.ok("recover", "web");
      expect(await logLength(web)).toBe(length);
      expect(await web.ok("domstate", "web")).toBe("running\n");
    }
    await web.ok("destroy", "web");
    for (const { name, memory } of (await web.json("snapshot-list", "web")) as {
      name: string;
      memory: string | null;
    }[]) {
      if (memory === null) continue;
      await web.ok("create-with-snapshot", "web", name, "--paused", "--discard-changes");
      await web.ok("destroy", "web");
    }
    await web.ok("verify");
  });

  it("runs without root, from a store whose path is longer than a socket's may be", async () => {
    const home = join(freshFolder(), ...Array<string>(4).fill("a-folder-with-quite-a-long-name"));
    mkdirSync(home, { recursive: true });
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    for (let at = home; at !== "/tmp" && at.length > 5; at = join(at, "..")) chmodSync(at, 0o755);
    const define = await defining(home);
    if ("uid" in nobody)
      for (const path of [home, join(home, "a.qcow2"), join(home, "b.qcow2")]) chownSync(path, 65534, 65534);
    const { environment } = new Terminal(home);
    const program = programForAll();
    const run = async (...args: string[]) => {
      const options = { cwd: home, env: environment, ...nobody };
      return (await promisify(execFile)(process.execPath, [program, ...args], options)).stdout;
    };
    await run("init");
    await run(...define);
    await run("start", "web");
    onTestFinished(async () => {
      await run("destroy", "web").catch(() => "");
    });
    await run("snapshot-create-as", "web", "warm");
    await run("snapshot-create-as", "web", "disks", "--disk-only");
    await run("snapshot-create-as", "web", "more", "--disk-only");
    expect(await run("snapshot-deactivate", "web", "more", "--merge")).toContain("2 done, 0 pending");
    await run("destroy", "web");
    await run("create-with-snapshot", "web", "warm");
    expect(await run("domstate", "web")).toBe("running\n");
    const records = (await run("log", "--json"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as EventRecord);
    expect(records.at(-1)).toMatchObject({ type: "DomainStarted", data: { memoryLoaded: true } });
  });
});
