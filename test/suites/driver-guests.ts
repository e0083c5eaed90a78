import { expect, onTestFinished, test } from "vitest";
import type { StartGuest } from "../../src/drivers/driver.ts";
import type { Backing, FreezeGuest } from "../../src/events/plan.ts";
import type { MemoryFile } from "../../src/events/records.ts";
import type { Bench, MakeBench } from "./driver.ts";
import { overlayStep, refusal, unit } from "./driver.ts";

/** What drivers promise of guests. Disks of two units; a guest's hands are the harness's. */

const domain = "00000000-0000-7000-8000-000000000001";
const machine = { memoryMib: 32, vcpus: 1, accelerator: "tcg" } as const;

export function testGuests(make: MakeBench): void {
  test("a guest that never ran is off and writes nowhere", async () => {
    const { driver } = await make();

    expect([await driver.guestState(domain), await driver.guestHeads(domain)]).toEqual(["off", []]);
    expect(await driver.guestWrites(domain)).toEqual([]);
  });

  test("a guest is started and stopped, however often that is asked", async () => {
    const guest = await stopped(make);
    for (let times = 0; times < 2; times++) await guest.start();
    expect(await guest.state()).toEqual(["running", guest.heads]);
    for (let times = 0; times < 2; times++) await guest.bench.driver.stop(domain);
    expect(await guest.state()).toEqual(["off", []]);
  });

  test("a running guest is not started on other files", async () => {
    const guest = await stopped(make);
    await guest.start();
    const other = await guest.bench.overlay("other", guest.bases[0], "..");

    expect(await refusal(guest.start({ heads: [{ target: "vda", path: other.path }] }))).toMatchObject({
      code: "DRIVER_FAILED",
    });
    expect(await guest.state()).toEqual(["running", guest.heads]);
  });

  test("it can be started paused, resumed and suspended; one that is off cannot", async () => {
    const { bench, start } = await stopped(make);
    const { driver } = bench;
    for (const step of [driver.suspend(domain), driver.resume(domain)]) {
      expect(await refusal(step)).toMatchObject({ code: "GUEST_GONE" });
    }
    await start({ paused: true });
    expect(await driver.guestState(domain)).toBe("paused");
    for (let times = 0; times < 2; times++) await driver.resume(domain);
    expect(await driver.guestState(domain)).toBe("running");
    for (let times = 0; times < 2; times++) await driver.suspend(domain);
    expect(await driver.guestState(domain)).toBe("paused");
  });

  test("it counts what it writes to each head", async () => {
    const guest = await stopped(make);
    await guest.start();
    expect(await guest.bench.driver.guestWrites(domain)).toEqual([]);
    await guest.writes("vdb", 5);
    expect(await guest.bench.driver.guestWrites(domain)).toEqual([guest.heads[1]]);
  });

  test("what it holds is locked against everybody else", async () => {
    const { bench, start, heads } = await stopped(make);
    await start();

    expect(await refusal(bench.driver.remove(heads[0]))).toEqual({ code: "IMAGE_LOCKED", path: heads[0] });
  });

  test("a guest on a file that somebody else holds is not started", async () => {
    const guest = await stopped(make);
    const held = await guest.bench.harness.hold({ path: guest.heads[1], format: "qcow2" });
    try {
      expect(await refusal(guest.start())).toEqual({ code: "IMAGE_LOCKED", path: guest.heads[1] });
    } finally {
      await held.release();
    }
    expect(await guest.state()).toEqual(["off", []]);
    await guest.start();
  });

  testFreezing(make);
  testSettling(make);
  testLiveCommit(make);
}

function testFreezing(make: MakeBench): void {
  test("frozen, it writes to the overlays, all disks at once, and its old heads stay as they were", async () => {
    const guest = await stopped(make);
    await guest.start();
    await guest.writes("vda", 5);
    const step = await guest.freezing(null);

    for (let times = 0; times < 2; times++) expect(await guest.freeze(step)).toBeNull();

    expect(await guest.state()).toEqual(["running", pathsOf(step)]);
    expect(await guest.bench.driver.guestWrites(domain)).toEqual([]);
    await guest.writes("vda", 6);
    expect(await guest.contents()).toEqual(["51", "22"]);
    expect(await guest.contents(pathsOf(step))).toEqual(["61", "22"]);
  });

  test("its memory is saved and resumed, with disks of the same instant", async () => {
    const guest = await stopped(make);
    await guest.start();
    await guest.writes("vda", 5);
    const step = await guest.freezing("memory");

    const memory = await guest.freeze(step);
    expect(await guest.freeze(step)).toEqual(memory);

    expect(memory?.path).toBe(step.memoryPath);
    expect(memory?.bytes).toBeGreaterThan(0);
    expect(await guest.state()).toEqual(["running", pathsOf(step)]);
    await guest.writes("vda", 6);
    await guest.bench.driver.stop(domain);
    const heads = await guest.overlaysOn(guest.heads, "again");
    await guest.start({ heads: targeted(heads), memory });
    expect(await guest.state()).toEqual(["running", heads]);
    await guest.bench.driver.stop(domain);
    await guest.start({ heads: targeted(heads), memory, paused: true });
    expect(await guest.state()).toEqual(["paused", heads]);
  });

  test("a memory that is compressed says so, is resumed alike, and is no memory with anything else in it", async () => {
    const guest = await stopped(make);
    const { driver, harness } = guest.bench;
    for (const compression of driver.supports.memoryCompression ?? []) {
      await guest.start();
      const step = { ...(await guest.freezing(`memory.${compression}`, compression)), memoryCompression: compression };

      const memory = await guest.freeze(step);

      expect(memory).toMatchObject({ path: step.memoryPath, compression });
      expect([await guest.freeze(step), await guest.settle(step)]).toEqual([memory, memory]);
      expect(await guest.state()).toEqual(["running", pathsOf(step)]);
      await driver.stop(domain);
      const heads = await guest.overlaysOn(guest.heads, "again");
      expect(await driver.memoryFault(memory!)).toBeNull();
      await guest.start({ heads: targeted(heads), memory, paused: true });
      expect(await guest.state()).toEqual(["paused", heads]);
      await driver.stop(domain);
      await harness.write({ path: memory!.path, format: "raw" }, 0, 512, 7);
      expect(await driver.memoryFault(memory!)).toEqual(expect.any(String));
    }
  });

  test("one that was paused stays paused", async () => {
    const guest = await stopped(make);
    await guest.start({ paused: true });
    const step = await guest.freezing("memory");
    await guest.freeze(step);
    expect(await guest.state()).toEqual(["paused", pathsOf(step)]);
  });

  test.each([null, "memory"])("a freeze that fails leaves it running on what it had (memory: %s)", async (memory) => {
    const guest = await stopped(make);
    await guest.start();
    const { overlays, ...step } = await guest.freezing(memory);
    const [first] = overlays;
    const missing = { target: "vdb", path: guest.bench.file("missing").path, from: guest.heads[1] };

    const failing = guest.freeze({ ...step, overlays: [first!, missing] });

    expect(await refusal(failing)).not.toBe("resolved");
    expect(await guest.state()).toEqual(["running", guest.heads]);
    await guest.bench.driver.remove(first!.path);
    if (step.memoryPath !== null) expect(await guest.bench.driver.identify(step.memoryPath)).toBeUndefined();
  });

  test("one that is off cannot be frozen", async () => {
    const guest = await stopped(make);
    const step = await guest.freezing(null);
    expect(await refusal(guest.freeze(step))).toMatchObject({ code: "DRIVER_FAILED" });
  });
}

function testSettling(make: MakeBench): void {
  test.each([null, "memory"])("a freeze that was done is found done (memory: %s)", async (memory) => {
    const guest = await stopped(make);
    await guest.start();
    const step = await guest.freezing(memory);
    const saved = await guest.freeze(step);
    expect(await guest.settle(step)).toEqual(saved);
    expect(await guest.state()).toEqual(["running", pathsOf(step)]);
  });

  test("one that was not is found not done, and its overlays can be removed", async () => {
    const guest = await stopped(make);
    await guest.start();
    const step = await guest.freezing(null);
    expect(await guest.settle(step)).toBeUndefined();
    for (const path of pathsOf(step)) await guest.bench.driver.remove(path);
    expect(await guest.state()).toEqual(["running", guest.heads]);
  });

  test("of a guest that died, an overlay that was written to says that it was moved", async () => {
    const guest = await stopped(make);
    await guest.start();
    const step = await guest.freezing("memory");
    const saved = await guest.freeze(step);
    await guest.writes("vdb", 7);
    await guest.bench.harness.killGuest(domain);

    expect(await guest.state()).toEqual(["off", []]);
    expect(await guest.settle(step)).toEqual(saved);
    expect(await guest.contents(pathsOf(step))).toEqual(["11", "72"]);
  });

  test("of one that died before it wrote to any, both ways are the same, and it is found not done", async () => {
    const guest = await stopped(make);
    await guest.start();
    const step = await guest.freezing(null);
    await guest.bench.harness.killGuest(domain);
    expect(await guest.settle(step)).toBeUndefined();
  });
}

function testLiveCommit(make: MakeBench): void {
  test("a layer is folded down under the guest, which goes on reading and writing, and can then be removed", async () => {
    const guest = await stopped(make);
    await guest.start();
    await guest.writes("vda", 5);
    const step = await guest.freezing(null);
    await guest.freeze(step);
    await guest.writes("vda", 6, unit);
    const [base, from] = [guest.bases[0], guest.heads[0]];
    const fold = { from: { path: from, format: "qcow2" as const }, into: base, end: 2 ** 40 };
    const seen: number[] = [];

    for (let times = 0; times < 2; times++) {
      await guest.bench.driver.commitLive(domain, fold, { onProgress: ({ done, total }) => seen.push(done / total) });
    }

    expect(seen.at(-1)).toBe(1);
    expect(await guest.bench.content(base)).toBe("51");
    expect(await guest.bench.backingOf({ path: pathsOf(step)[0]!, format: "qcow2" })).toBe(base.path);
    await guest.bench.driver.remove(from);
    await guest.writes("vda", 7);
    expect(await guest.contents([pathsOf(step)[0]!])).toEqual(["76"]);
    expect(await guest.state()).toEqual(["running", pathsOf(step)]);
  });

  test("interrupted, it leaves all readers right, and runs again", async () => {
    const guest = await stopped(make);
    await guest.start();
    await guest.writes("vda", 5);
    await guest.freeze(await guest.freezing(null));
    const fold = { from: { path: guest.heads[0], format: "qcow2" as const }, into: guest.bases[0], end: 2 ** 40 };

    const work = guest.bench.driver.commitLive(domain, fold, { signal: AbortSignal.abort() });

    // A small one may have ended before it heard of it.
    expect(["resolved", "INTERRUPTED"]).toContain(await refusal(work).then((r) => (r === "resolved" ? r : r.code)));
    await guest.bench.driver.commitLive(domain, fold);
    expect(await guest.bench.content(guest.bases[0])).toBe("51");
  });

  test("of a guest that is off, and into a file whose mode says read-only, it is refused", async () => {
    const guest = await stopped(make);
    const fold = { from: { path: guest.heads[0], format: "qcow2" as const }, into: guest.bases[0], end: 2 ** 40 };
    expect(await refusal(guest.bench.driver.commitLive(domain, fold))).toMatchObject({ code: "GUEST_GONE" });
    await guest.start();
    await guest.freeze(await guest.freezing(null));
    await guest.bench.harness.setReadOnly(guest.bases[0].path);
    expect(await refusal(guest.bench.driver.commitLive(domain, fold))).toEqual({
      code: "DRIVER_FAILED",
      path: guest.bases[0].path,
    });
    expect(await guest.bench.content(guest.bases[0])).toBe("11");
  });
}

/** A guest of two disks that does not run yet: `vda` reads 11, `vdb` 22. It is stopped when the test has ended. */
async function stopped(make: MakeBench) {
  const bench = await make();
  const bases = [bench.file("a.qcow2"), bench.file("b.qcow2")] as const;
  const heads = ["ha", "hb"].map((name) => bench.file(name).path) as [string, string];
  for (const [index, base] of bases.entries()) {
    await bench.harness.makeBase(base.path, "qcow2", 2 * unit);
    await bench.write(base, index === 0 ? "11" : "22");
    await bench.driver.makeOverlay(overlayStep(heads[index]!, base, 2 * unit));
  }
  onTestFinished(() => bench.driver.stop(domain));
  return new TestGuest(bench, bases, heads);
}

class TestGuest {
  readonly bench: Bench;
  readonly bases: readonly [Backing, Backing];
  readonly heads: readonly [string, string];

  constructor(bench: Bench, bases: readonly [Backing, Backing], heads: readonly [string, string]) {
    this.bench = bench;
    this.bases = bases;
    this.heads = heads;
  }

  start = (options: Partial<StartGuest> = {}): Promise<void> =>
    this.bench.driver.start({
      ...{ domain, heads: targeted(this.heads), memory: null, paused: false, machine },
      ...options,
    });

  freeze = (step: FreezeGuest): Promise<MemoryFile | null> => this.bench.driver.freeze(domain, step);
  settle = (step: FreezeGuest) => this.bench.driver.settleFreeze(domain, step, "running");

  async state(): Promise<unknown[]> {
    return [await this.bench.driver.guestState(domain), await this.bench.driver.guestHeads(domain)];
  }

  writes(target: string, byte: number, offset = 0): Promise<void> {
    return this.bench.harness.guestWrites(domain, target, offset, unit, byte);
  }

  contents(paths: readonly string[] = this.heads): Promise<string[]> {
    return Promise.all(paths.map((path) => this.bench.content({ path, format: "qcow2" })));
  }

  async overlaysOn(paths: readonly string[], name: string): Promise<string[]> {
    const made: string[] = [];
    for (const [index, path] of paths.entries()) {
      const overlay = await this.bench.overlay(`${name}${index}`, { path, format: "qcow2" }, "..");
      made.push(overlay.path);
    }
    return made;
  }

  /** Overlays on the heads are made, and the guest may be moved onto them. */
  async freezing(memory: string | null, name = "next"): Promise<FreezeGuest> {
    const paths = await this.overlaysOn(this.heads, name);
    const overlays = targeted(paths).map((overlay, index) => ({ ...overlay, from: this.heads[index] ?? "" }));
    return { step: "freeze", overlays, memoryPath: memory === null ? null : this.bench.file(memory, "raw").path };
  }
}

function targeted(paths: readonly string[]): { target: string; path: string }[] {
  return paths.map((path, index) => ({ target: ["vda", "vdb"][index] ?? "", path }));
}

function pathsOf({ overlays }: FreezeGuest): string[] {
  return overlays.map(({ path }) => path);
}
