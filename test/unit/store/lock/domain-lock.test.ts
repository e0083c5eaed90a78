import { execFileSync, fork, spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { fileLocks, memoryLocks, type DomainLock, type Locks } from "../../../../src/store/lock/domain-lock.ts";
import { freshFolder } from "../../../support/folders.ts";

const holder = { pid: 1, host: "hv1", user: "ana", verb: "CreateSnapshot" };
const root = join(import.meta.dirname, "../../../..");
const tsx = { execArgv: ["--import", "tsx"] };

interface Scene {
  readonly folder: string;
  /** Names that no other test uses: locks are the machine's, not the folder's. */
  readonly logId: string;
  readonly domain: string;
  readonly lockFile: string;
  readonly lock: (options?: { domain?: string; waitMs?: number; signal?: AbortSignal }) => Promise<DomainLock>;
}

function scene(): Scene {
  const [folder, logId, domain] = [freshFolder(), randomUUID(), randomUUID()];
  const locks = fileLocks(folder, { clock: Date.now });
  return {
    ...{ folder, logId, domain, lockFile: join(folder, `${domain}.json`) },
    lock: async (options = {}) => {
      const lock = await locks.lockDomain({ logId, domain, holder, waitMs: 0, ...options });
      onTestFinished(() => lock.release());
      return lock;
    },
  };
}

/** Another process that holds the lock, and the program that it runs. */
async function holdInProcess({ folder, logId, domain }: Scene): Promise<{ manager: ChildProcess; program: number }> {
  const manager = fork(join(import.meta.dirname, "hold-lock.ts"), [folder, logId, domain], tsx);
  onTestFinished(() => void manager.kill("SIGKILL"));
  const [program] = (await once(manager, "message")) as [number];
  onTestFinished(() => end(program));
  return { manager, program };
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    expect(error).toMatchObject({ code: "ESRCH" });
  }
}

async function kill(manager: ChildProcess): Promise<void> {
  manager.kill("SIGKILL");
  await once(manager, "exit");
}

describe.each<[string, () => Locks]>([
  ["in files", () => fileLocks(freshFolder(), { clock: Date.now })],
  ["in memory", memoryLocks],
])("an operation lock %s", (_, make) => {
  it("lets one in per domain, and tells the other who it is", async () => {
    const locks = make();
    const request = { logId: randomUUID(), domain: randomUUID(), holder, waitMs: 0 };
    const lock = await locks.lockDomain(request);
    await expect(locks.lockDomain(request)).rejects.toMatchObject({
      code: "OPERATION_IN_PROGRESS",
      facts: { domain: request.domain, holder },
    });
    const other = await locks.lockDomain({ ...request, domain: randomUUID() });
    await other.release();
    await lock.release();
    await (await locks.lockDomain(request)).release();
  });
});

describe("an operation lock", () => {
  it("is waited for", async () => {
    const { lock } = scene();
    const first = await lock();
    const second = lock({ waitMs: 30_000 });
    await first.release();
    expect((await second).livingChildren()).toEqual([]);
  });

  it("is not waited for any longer once the wait is aborted", async () => {
    const { lock } = scene();
    await lock();
    await expect(lock({ waitMs: 30_000, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  it("lets nobody in when the file beside it is removed", async () => {
    const { lock, folder } = scene();
    await lock();
    for (const file of readdirSync(folder)) rmSync(join(folder, file));
    await expect(lock()).rejects.toMatchObject({ code: "OPERATION_IN_PROGRESS", facts: { holder: null } });
  });

  it("names the operation in a file that only its owner can read", async () => {
    const { lock, lockFile } = scene();
    (await lock()).operation("operation-7");
    expect(JSON.parse(readFileSync(lockFile, "utf8"))).toMatchObject({
      ...holder,
      operation: "operation-7",
      children: [],
    });
    expect(statSync(lockFile).mode & 0o777).toBe(0o600);
  });

  it("holds though its file can't be written", async () => {
    const { folder, lock } = scene();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    await lock();
    await expect(lock()).rejects.toMatchObject({ code: "OPERATION_IN_PROGRESS" });
  });

  it("is held against other processes, and freed by the kernel when its holder is killed", async () => {
    const here = scene();
    const { manager } = await holdInProcess(here);
    await expect(here.lock()).rejects.toMatchObject({
      code: "OPERATION_IN_PROGRESS",
      facts: { holder: { pid: manager.pid, host: "hv1", verb: "MergeSnapshot", operation: "operation-1" } },
    });
    await kill(manager);
    await here.lock();
  });

  it("knows a program that outlived its manager, until that has ended", async () => {
    const here = scene();
    const { manager, program } = await holdInProcess(here);
    await kill(manager);
    const first = await here.lock();
    expect(first.livingChildren()).toEqual([program]);
    await first.release();
    const second = await here.lock();
    expect(second.livingChildren()).toEqual([program]);
    end(program);
    await expect.poll(() => second.livingChildren()).toEqual([]);
  });

  it("knows a tool whose manager was killed before it could note it, by the domain's files that it was given", async () => {
    const here = scene();
    const { manager, program } = await holdInProcess(here);
    await kill(manager);
    end(program);
    const file = JSON.parse(readFileSync(here.lockFile, "utf8")) as object;
    writeFileSync(here.lockFile, JSON.stringify({ ...file, children: [] }));
    const path = join(here.folder, "qemu-img");
    writeFileSync(path, "#!/bin/sh\nread line\n", { mode: 0o755 });
    const tool = (domain: string) => spawn(path, ["rebase", "-u", `/layers/${domain}/a.qcow2`]);
    const [ours, others] = [tool(here.domain), tool(randomUUID())];
    onTestFinished(() => [ours, others].forEach((one) => one.kill("SIGKILL")));
    await Promise.all([once(ours, "spawn"), once(others, "spawn")]);

    const lock = await here.lock();
    expect(lock.livingChildren()).toEqual([ours.pid]);
    ours.stdin.end();
    await expect.poll(() => lock.livingChildren()).toEqual([]);
  });

  it.each([
    ["a later process with the same pid", { startTime: "1" }],
    ["a process of an earlier boot", { bootId: "another" }],
  ])("does not take %s for that program", async (_, change) => {
    const here = scene();
    const { manager } = await holdInProcess(here);
    await kill(manager);
    const file = JSON.parse(readFileSync(here.lockFile, "utf8")) as { children: object[] };
    expect(file.children).toHaveLength(1);
    writeFileSync(here.lockFile, JSON.stringify({ ...file, children: [{ ...file.children[0], ...change }] }));
    expect((await here.lock()).livingChildren()).toEqual([]);
  });

  it("does not trip over a file that a dying holder left half-written", async () => {
    const { lock, lockFile } = scene();
    writeFileSync(lockFile, '{"pid":');
    expect((await lock()).livingChildren()).toEqual([]);
  });

  it("lets its process end", () => {
    const { folder, logId, domain } = scene();
    const program = `
      import { fileLocks } from ${JSON.stringify(join(root, "src/store/lock/domain-lock.ts"))};
      const holder = ${JSON.stringify(holder)};
      await fileLocks(process.argv[2], { clock: Date.now }).lockDomain({ logId: process.argv[3], domain: process.argv[4], holder, waitMs: 0 });
      console.log("held");`;
    const file = join(folder, "program.mts");
    writeFileSync(file, program);
    const run = execFileSync(process.execPath, [...tsx.execArgv, file, folder, logId, domain], { encoding: "utf8" });
    expect(run).toBe("held\n");
  });
});
