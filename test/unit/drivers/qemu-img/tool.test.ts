import { execFile } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { StepOptions } from "../../../../src/drivers/driver.ts";
import { qemuDriver } from "../../../../src/drivers/qemu/index.ts";
import { qemuImg } from "../../../../src/drivers/qemu-img/tool.ts";
import type { Backing } from "../../../../src/events/plan.ts";
import { freshFolder } from "../../../support/folders.ts";
import { KiB, makeQcow2, MiB, qemuImg as runs, readAll, writePattern } from "../../../support/images.ts";
import { slowRate, withSlowCommit } from "../../../support/fake-qemu-img.ts";

/** The real qemu-img, made slow, and how it ends when its step is given up. */

const size = 4 * MiB;
const unit = 64 * KiB;

/**
 * A base full of ones, and on it a layer with a two in every other cluster: the tool copies as much as it can at a time
 * and tells of its progress in between, so only gaps make it come to a half.
 */
async function layerOnBase(): Promise<{ from: Backing; into: Backing }> {
  const folder = freshFolder();
  const into = { path: join(folder, "base.qcow2"), format: "qcow2" } as const;
  const from = { path: join(folder, "layer.qcow2"), format: "qcow2" } as const;
  await makeQcow2(into.path, size);
  await writePattern(into.path, "qcow2", 0, size, 1);
  await makeQcow2(from.path, size, into);
  const writes = twos().flatMap((at) => ["-c", `write -P 2 ${at} ${unit}`]);
  await promisify(execFile)("qemu-io", ["-f", "qcow2", ...writes, from.path]);
  return { from, into };
}

const twos = (): number[] => Array.from({ length: size / unit / 2 }, (_, i) => 2 * i * unit);

/** What the layer, and once it is committed the base, holds. */
function committed(): Buffer {
  const content = Buffer.alloc(size, 1);
  for (const at of twos()) content.fill(2, at, at + unit);
  return content;
}

async function reads(file: Backing): Promise<"committed" | "half" | "untouched"> {
  const content = await readAll(file.path, file.format);
  if (content.equals(committed())) return "committed";
  return content.equals(Buffer.alloc(size, 1)) ? "untouched" : "half";
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

const programOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, "utf8").trim();

/** Calls `at` with the tool's pid once it has written some of the layer, and not all. */
function halfway(at: (pid: number) => void): StepOptions {
  let pid = 0;
  return {
    onChild: (started) => (pid = started),
    onProgress: ({ done }) => {
      if (done > 0 && done < 100) at(pid);
    },
  };
}

describe("a commit that is aborted half-way", () => {
  test("has ended its qemu-img when it rejects, and run again it ends right", async () => {
    const { from, into } = await layerOnBase();
    const slow = qemuDriver({ program: withSlowCommit(freshFolder()) });
    const controller = new AbortController();
    const programs: string[] = [];
    const pids: number[] = [];
    const watch = halfway((pid) => {
      if (controller.signal.aborted) return;
      pids.push(pid);
      programs.push(programOf(pid));
      controller.abort();
    });

    const work = slow.commit({ from, into, end: 2 ** 40 }, { ...watch, signal: controller.signal });

    await expect(work).rejects.toMatchObject({ code: "INTERRUPTED", facts: { path: from.path } });
    expect(programs, "it was the tool itself, at work").toEqual(["qemu-img"]);
    expect(pids.filter(isAlive)).toEqual([]);
    expect([await reads(into), await reads(from)]).toEqual(["half", "committed"]);

    await qemuDriver().commit({ from, into, end: 2 ** 40 });
    expect([await reads(into), await reads(from)]).toEqual(["committed", "committed"]);
    await runs("check", "-q", "-f", "qcow2", into.path);
  });
});

describe("the tool", () => {
  const slowly = (from: Backing, into: Backing) =>
    ["commit", "-p", "-r", String(slowRate), "-d", "-f", "qcow2", "-b", into.path, from.path] as const;

  test("does not start when its step is given up already", async () => {
    const pids: number[] = [];
    const watch = { signal: AbortSignal.abort(), onChild: (pid: number) => pids.push(pid) };

    const work = qemuImg().run(["commit", "/nowhere"], { path: "/nowhere", watch });

    await expect(work).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(pids).toEqual([]);
  });

  test("ends when its step is given up while it starts", async () => {
    const { from, into } = await layerOnBase();
    const pids: number[] = [];
    const controller = new AbortController();
    const watch = { signal: controller.signal, onChild: (pid: number) => pids.push(pid) };

    const work = qemuImg().run(slowly(from, into), { path: from.path, step: "commit", watch });
    controller.abort();

    await expect(work).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(pids).toHaveLength(1);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await reads(into)).not.toBe("committed");
    expect(await reads(from)).toBe("committed");
  });

  test("ends when something else of its step fails, and that is what is said", async () => {
    const { from, into } = await layerOnBase();
    const pids: number[] = [];
    const fault = new TypeError("a bug in whoever shows progress");
    const watch = halfway((pid) => {
      pids.push(pid);
      throw fault;
    });

    const work = qemuImg().run(slowly(from, into), { path: from.path, step: "commit", watch });

    await expect(work).rejects.toBe(fault);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(pids.length).toBeGreaterThan(0);
  });

  test("killed by somebody else is no interruption, and its step may be run again", async () => {
    const { from, into } = await layerOnBase();
    const watch = halfway((pid) => process.kill(pid, "SIGKILL"));

    const work = qemuImg().run(slowly(from, into), { path: from.path, step: "commit", watch });

    await expect(work).rejects.toMatchObject({
      ...{ code: "DRIVER_FAILED", facts: { path: from.path, signal: "SIGKILL" } },
      hint: "Nothing is lost: run the same command again.",
    });
    await qemuDriver().commit({ from, into, end: 2 ** 40 });
    expect(await reads(into)).toBe("committed");
  });

  test("that ends well although it was asked to stop has done its work", async () => {
    const script = join(freshFolder(), "qemu-img");
    writeFileSync(script, '#!/bin/sh\ntrap "" TERM\necho "    (50.00/100%)"\nsleep 0.2\n');
    chmodSync(script, 0o755);
    const controller = new AbortController();
    const watch = { signal: controller.signal, onProgress: () => controller.abort() };

    const work = qemuImg(script).run(["commit"], { path: "/x", step: "commit", watch });

    await expect(work).resolves.toEqual({ exitCode: 0, output: "" });
  });
});
