import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { kernelLock } from "../../../src/system/kernel-lock.ts";
import { freshFolder } from "../../support/folders.ts";
import { elsewhere } from "../../support/namespaces.ts";

type Child = ChildProcessByStdio<null, Readable, null>;
type Lock = readonly [name: string, path: string];

const names = (): Lock => [randomUUID(), join(freshFolder(), "log")];

/** A process that runs this where `lock()` tries for the lock; with words before it that say where. */
function running(code: string, lock: Lock, where: readonly string[] = []): Child {
  const module = join(import.meta.dirname, "../../../src/system/kernel-lock.ts");
  const program = `
    import { kernelLock } from ${JSON.stringify(module)};
    const lock = () => kernelLock(...${JSON.stringify(lock)});
    ${code}`;
  const words = [...where, process.execPath, "--import", "tsx", "--input-type=module", "--eval", program];
  const child = spawn(words[0] ?? "", words.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Says whether it has the lock, and keeps it. */
async function taking(lock: Lock, where?: readonly string[]): Promise<{ child: Child; said: string }> {
  const child = running(
    `process.stdout.write((await lock()) ? "taken" : "busy"); setTimeout(() => {}, 60_000);`,
    lock,
    where,
  );
  const [bytes] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: String(bytes) };
}

async function kill(child: Child): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function isFree(lock: Lock): Promise<boolean> {
  const taken = await kernelLock(...lock);
  await taken?.release();
  return taken !== undefined;
}

describe("a lock of the kernel", () => {
  it("is one holder's, leaves no file, and can be taken again", async () => {
    const [name, path] = names();
    const lock = await kernelLock(name, path);
    expect(await isFree([name, path])).toBe(false);
    expect(readdirSync(dirname(path))).toEqual([expect.stringMatching(/^log\.net-\d+$/)]);
    await lock?.release();
    expect(readdirSync(dirname(path))).toEqual([]);
    expect(await isFree([name, path])).toBe(true);
  });

  it.each([
    ["where no socket file can be", () => "/proc/none/log"],
    ["beside a path that is too long for a socket", () => join(freshFolder(), "x".repeat(200))],
  ])("holds %s", async (_, path) => {
    const lock: Lock = [randomUUID(), path()];
    const taken = await kernelLock(...lock);
    expect(await isFree(lock)).toBe(false);
    await taken?.release();
    expect(await isFree(lock)).toBe(true);
  });

  it("is free when its holder was killed", async () => {
    const lock = names();
    const { child, said } = await taking(lock);
    expect(said).toBe("taken");
    expect(await isFree(lock)).toBe(false);
    await kill(child);
    expect(await isFree(lock)).toBe(true);
  });
});

describe.skipIf(!elsewhere)("a lock of the kernel, from another network namespace", () => {
  it("is the same one, and free when its holder there was killed", async () => {
    const lock = names();
    const { child, said } = await taking(lock, elsewhere);
    expect(said).toBe("taken");
    expect(await isFree(lock)).toBe(false);
    await kill(child);
    const taken = await kernelLock(...lock);
    expect(taken).toBeDefined();
    expect((await taking(lock, elsewhere)).said).toBe("busy");
    await taken?.release();
    expect((await taking(lock, elsewhere)).said).toBe("taken");
  });

  it("is never two holders', however many want it at once", { timeout: 60_000 }, async () => {
    const lock = names();
    const code = `
      import { openSync, closeSync, rmSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      for (let times = 0; times < 25; ) {
        const taken = await lock();
        if (taken) {
          closeSync(openSync(${JSON.stringify(`${lock[1]}.held`)}, "wx"));
          await sleep(1);
          rmSync(${JSON.stringify(`${lock[1]}.held`)});
          await taken.release();
          times++;
        }
        await sleep(Math.random() * 4);
      }`;
    const children = [undefined, elsewhere, undefined, elsewhere].map((where) => running(code, lock, where));
    const ends = await Promise.all(children.map((child) => once(child, "exit") as Promise<[number | null]>));
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0, 0]);
  });
});
