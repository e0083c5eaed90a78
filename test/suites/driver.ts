import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Driver, Progress } from "../../src/drivers/driver.ts";
import { SnapledgerError } from "../../src/errors.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { Backing, CompressLayer, MakeOverlay } from "../../src/events/plan.ts";
import type { DomainId, Target } from "../../src/events/ids.ts";
import type { ImageFormat } from "../../src/events/records.ts";
import { testGuests } from "./driver-guests.ts";
import { KiB } from "../support/images.ts";

/** What the suite needs beside the driver: a guest's hands, a guest's eyes, and a rival. */
export interface DriverHarness {
  readonly driver: Driver;
  /** An empty folder to work in. */
  readonly folder: string;
  write(file: Backing, offset: number, length: number, byte: number): Promise<void>;
  /** Every byte a guest would read. */
  read(file: Backing): Promise<Uint8Array>;
  makeBase(path: string, format: ImageFormat, bytes: number): Promise<void>;
  /** Opens the file for writing as another process would. */
  hold(file: Backing): Promise<{ release: () => Promise<void> }>;
  resize(file: Backing, bytes: number): Promise<void>;
  setReadOnly(path: string): Promise<void>;
  /** What a running guest writes to one of its disks. */
  guestWrites(domain: DomainId, target: Target, offset: number, length: number, byte: number): Promise<void>;
  /** The guest dies as if its process were killed. */
  killGuest(domain: DomainId): Promise<void>;
}

/** Disks are told in units: one digit for 64 KiB that hold that byte throughout, `?` for anything else. */
export const unit = 64 * KiB;

/** A harness with the few words that the tests are written in. */
export class Bench {
  readonly harness: DriverHarness;
  readonly driver: Driver;

  constructor(harness: DriverHarness) {
    this.harness = harness;
    this.driver = harness.driver;
  }

  file(name: string, format: ImageFormat = "qcow2"): Backing {
    return { path: join(this.harness.folder, name), format };
  }

  async base(content: string, format: ImageFormat = "qcow2"): Promise<Backing> {
    const file = this.file(`base.${format}`, format);
    await this.harness.makeBase(file.path, format, content.length * unit);
    await this.write(file, content);
    return file;
  }

  /** An overlay on `backing` holding the digits of `content`; a dot leaves what is below. */
  async overlay(name: string, backing: Backing, content: string): Promise<Backing> {
    const file = this.file(name);
    await this.driver.makeOverlay(overlayStep(file.path, backing, content.length * unit));
    await this.write(file, content);
    return file;
  }

  async write(file: Backing, content: string): Promise<void> {
    for (const [index, digit] of content.split("").entries()) {
      if (digit !== ".") await this.harness.write(file, index * unit, unit, Number(digit));
    }
  }

  async content(file: Backing): Promise<string> {
    const bytes = await this.harness.read(file);
    const units = Array.from({ length: bytes.length / unit }, (_, index) =>
      bytes.subarray(index * unit, (index + 1) * unit),
    );
    return units.map((part) => (part.every((byte) => byte === part[0]) ? String(part[0]) : "?")).join("");
  }

  async backingOf(file: Backing): Promise<string | null | undefined> {
    return (await this.driver.observe(file))?.backing;
  }

  async virtualUnits(file: Backing): Promise<number | undefined> {
    const seen = await this.driver.observe(file);
    return seen === undefined ? undefined : seen.facts.virtualBytes / unit;
  }

  async fold(from: Backing, into: Backing): Promise<void> {
    await this.driver.commit({ from, into, end: (await this.driver.observe(into))?.facts.virtualBytes ?? 0 });
    await this.driver.repairLeaks(into);
  }
}

/** Where the file below ends, for folds in which it does not grow. */
const end = 64 * unit;

export function overlayStep(path: string, backing: Backing, virtualBytes: number): MakeOverlay {
  return { step: "overlay", target: "vda", layer: "l", path, backing, backingLayer: "b", virtualBytes };
}

export function compressStep(
  path: string,
  source: string,
  backing: Backing,
  method: CompressLayer["method"],
): CompressLayer {
  return { step: "compress", target: "vda", layer: "l", path, source, backing, backingLayer: "b", method };
}

/** The code it rejects with, and the file that its facts name. */
export async function refusal(work: Promise<unknown>): Promise<{ code: ErrorCode; path: unknown } | "resolved"> {
  try {
    await work;
    return "resolved";
  } catch (error) {
    if (error instanceof SnapledgerError) return { code: error.code, path: error.facts["path"] };
    throw error;
  }
}

export function testDriver(name: string, factory: () => Promise<DriverHarness>): void {
  const bench = async () => new Bench(await factory());
  describe(`the ${name} driver`, () => {
    describe("looking", () => looking(bench));
    describe("making overlays", () => makingOverlays(bench));
    describe("compressing layers", () => compressing(bench));
    describe("folding", () => folding(bench));
    describe("re-pointing, shrinking and removing", () => changingHeaders(bench));
    describe("foreign locks", () => locks(bench));
    describe("guests", () => testGuests(bench));
  });
}

export type MakeBench = () => Promise<Bench>;

function looking(make: MakeBench): void {
  test.each(["qcow2", "raw"] as const)("tells the facts of a %s image", async (format) => {
    const bench = await make();
    const base = await bench.base("12", format);

    const { file, chain, writable } = await bench.driver.inspectImage(base.path, format);

    expect(file).toMatchObject({ path: base.path, format, virtualBytes: 2 * unit });
    expect(file.device).toMatch(/^\d+$/);
    expect(file.mtimeNs).toMatch(/^\d+$/);
    expect(file.bytes).toBeGreaterThan(0);
    expect(await bench.driver.identify(base.path)).toEqual({ device: file.device, inode: file.inode });
    expect([chain, writable]).toEqual([[], true]);
  });

  test("tells the whole chain, nearest first", async () => {
    const bench = await make();
    const base = await bench.base("12", "raw");
    const a = await bench.overlay("a", base, "..");
    const b = await bench.overlay("b", a, "..");

    const { file, chain } = await bench.driver.inspectImage(b.path, "qcow2");

    expect([file, ...chain].map(({ path, format }) => ({ path, format }))).toEqual([b, a, base]);
    const link = { backing: a.path, backingFormat: "qcow2" };
    expect(await bench.driver.observe(b)).toEqual({ facts: file, ...link, writable: true });
    expect(await bench.driver.observe(a)).toMatchObject({ backing: base.path, backingFormat: "raw" });
    expect(await bench.driver.observe(base)).toMatchObject({ backing: null, backingFormat: null });
  });

  test("knows nothing of a file that is not there", async () => {
    const bench = await make();
    const { driver } = bench;
    const missing = bench.file("missing");

    expect(await driver.identify(missing.path)).toBeUndefined();
    expect(await driver.observe(missing)).toBeUndefined();
    expect(await refusal(driver.inspectImage(missing.path, "qcow2"))).toEqual({
      code: "FILE_NOT_FOUND",
      path: missing.path,
    });
  });

  test("sees that a write makes a head longer, and that a guest's resize makes it another size", async () => {
    const bench = await make();
    const base = await bench.base("12");
    const head = await bench.overlay("head", base, "..");
    const clean = (await bench.driver.observe(head))?.facts;
    await bench.write(head, "3.");
    const written = (await bench.driver.observe(head))?.facts;
    await bench.harness.resize(head, 3 * unit);

    expect(written?.bytes).toBeGreaterThan(clean?.bytes ?? Infinity);
    expect(written?.inode).toBe(clean?.inode);
    expect(await bench.virtualUnits(head)).toBe(3);
  });

  test("refuses a chain that loops, one that misses a file, and another format", async () => {
    const bench = await make();
    const base = await bench.base("12");
    const raw = await bench.base("12", "raw");
    const a = await bench.overlay("a", base, "..");
    const b = await bench.overlay("b", a, "..");
    const invalid = (path: string) => ({ code: "IMAGE_INVALID", path });
    expect(await refusal(bench.driver.inspectImage(raw.path, "qcow2"))).toEqual(invalid(raw.path));
    await bench.driver.repoint(a, b);
    expect(await refusal(bench.driver.inspectImage(b.path, "qcow2"))).toEqual(invalid(b.path));
    await bench.driver.repoint(a, base);
    await bench.driver.remove(a.path);
    expect(await refusal(bench.driver.inspectImage(b.path, "qcow2"))).toEqual(invalid(b.path));
  });

  test("refuses a raw image that is not a multiple of 512 bytes, and a path that is not absolute", async () => {
    const bench = await make();
    const odd = bench.file("odd", "raw");
    await bench.harness.makeBase(odd.path, "raw", 1000);

    expect(await refusal(bench.driver.inspectImage(odd.path, "raw"))).toMatchObject({ code: "IMAGE_INVALID" });
    for (const path of ["relative", "json:{}", "nbd:localhost", ""]) {
      expect(await refusal(bench.driver.inspectImage(path, "raw"))).toEqual({ code: "IMAGE_INVALID", path });
      expect(await refusal(bench.driver.observe({ path, format: "qcow2" }))).toEqual({ code: "IMAGE_INVALID", path });
    }
  });

  test("says that a file without its owner's write bit is not writable", async () => {
    const bench = await make();
    const base = await bench.base("12");
    await bench.harness.setReadOnly(base.path);

    expect((await bench.driver.inspectImage(base.path, "qcow2")).writable).toBe(false);
    expect((await bench.driver.observe(base))?.writable).toBe(false);
  });

  test("says how much is free where a folder is or will be", async () => {
    const { driver, harness } = await make();

    expect(await driver.freeBytes(harness.folder)).toBeGreaterThan(0);
    expect(await driver.freeBytes(join(harness.folder, "not", "yet"))).toBeGreaterThan(0);
  });

  test("lists the files that lie in a folder, and none where there is no folder", async () => {
    const bench = await make();
    const base = await bench.base("12");

    expect(await bench.driver.filesIn(dirname(base.path))).toContain(base.path);
    expect(await bench.driver.filesIn(join(bench.harness.folder, "not", "yet"))).toEqual([]);
  });
}

function makingOverlays(make: MakeBench): void {
  test.each(["qcow2", "raw"] as const)("makes an empty overlay on a %s base, of the size asked for", async (format) => {
    const bench = await make();
    const base = await bench.base("123", format);
    const head = bench.file("head");

    const facts = await bench.driver.makeOverlay(overlayStep(head.path, base, 4 * unit));

    expect(facts).toEqual((await bench.driver.observe(head))?.facts);
    expect(await bench.content(head)).toBe("1230");
    expect(await bench.backingOf(head)).toBe(base.path);
  });

  test("does nothing the second time, whatever was written since", async () => {
    const bench = await make();
    const base = await bench.base("12");
    const head = await bench.overlay("head", base, "3.");
    const facts = (await bench.driver.observe(head))?.facts;

    expect(await bench.driver.makeOverlay(overlayStep(head.path, base, 2 * unit))).toEqual(facts);
    expect(await bench.content(head)).toBe("32");
  });

  test("never replaces another file", async () => {
    const bench = await make();
    const base = await bench.base("12");
    const other = await bench.base("34", "raw");
    const head = await bench.overlay("head", base, "3.");

    for (const [backing, units] of [
      [other, 2],
      [base, 3],
    ] as const) {
      const work = bench.driver.makeOverlay(overlayStep(head.path, backing, units * unit));
      expect(await refusal(work)).toEqual({ code: "DRIVER_FAILED", path: head.path });
    }
    expect(await bench.content(head)).toBe("32");
    expect(await bench.backingOf(head)).toBe(base.path);
  });

  test("refuses a backing file that is not there, and leaves nothing", async () => {
    const bench = await make();
    const missing = bench.file("missing");
    const head = bench.file("head");

    const work = bench.driver.makeOverlay(overlayStep(head.path, missing, unit));

    expect(await refusal(work)).toEqual({ code: "FILE_NOT_FOUND", path: missing.path });
    expect(await bench.driver.observe(head)).toBeUndefined();
  });

  test("makes a folder, once", async () => {
    const { driver, harness } = await make();
    const folder = join(harness.folder, "a", "b");

    await driver.prepareFolder(folder);
    await driver.prepareFolder(folder);
  });
}

function compressing(make: MakeBench): void {
  test.each(["zlib", "zstd"] as const)("copies the layer alone with %s", async (method) => {
    const bench = await make();
    const base = await bench.base("1234");
    const layer = await bench.overlay("layer", base, ".50.");
    const packed = bench.file("packed");
    const seen: Progress[] = [];

    const step = compressStep(packed.path, layer.path, base, method);
    const facts = await bench.driver.compressLayer(step, { onProgress: (progress) => seen.push(progress) });

    expect(facts).toEqual((await bench.driver.observe(packed))?.facts);
    expect(facts.bytes).toBeLessThan((await bench.driver.observe(layer))?.facts.bytes ?? 0);
    expect(await bench.backingOf(packed)).toBe(base.path);
    expect(await bench.content(packed)).toBe("1504");
    expect(seen.at(-1)).toMatchObject({ done: 100, total: 100 });
    await bench.write(base, "...9");
    expect(await bench.content(packed)).toBe("1509");
    expect(await bench.driver.compressLayer(step)).toMatchObject({ inode: facts.inode, bytes: facts.bytes });
  });

  test("a compressed layer can be written above, and folded down and onto", async () => {
    const bench = await make();
    const base = await bench.base("1234");
    const layer = await bench.overlay("layer", base, "5...");
    const packed = bench.file("packed");
    await bench.driver.compressLayer(compressStep(packed.path, layer.path, base, "zstd"));
    const head = await bench.overlay("head", packed, ".6..");

    await bench.fold(head, packed);
    expect([await bench.content(head), await bench.content(packed)]).toEqual(["5634", "5634"]);
    await bench.fold(packed, base);
    expect([await bench.content(packed), await bench.content(base)]).toEqual(["5634", "5634"]);
  });

  test("refuses any backing file but the layer's own, and a layer that is not there", async () => {
    const bench = await make();
    const base = await bench.base("12");
    const a = await bench.overlay("a", base, "3.");
    const b = await bench.overlay("b", a, ".4");
    const packed = bench.file("packed");
    const missing = bench.file("missing");

    const skipping = bench.driver.compressLayer(compressStep(packed.path, b.path, base, "zlib"));
    expect(await refusal(skipping)).toEqual({ code: "DRIVER_FAILED", path: b.path });
    const nothing = bench.driver.compressLayer(compressStep(packed.path, missing.path, base, "zlib"));
    expect(await refusal(nothing)).toEqual({ code: "FILE_NOT_FOUND", path: missing.path });
    expect(await bench.driver.observe(packed)).toBeUndefined();
  });

  test("interrupted, it leaves no file, and runs again", async () => {
    const bench = await make();
    const base = await bench.base("12");
    const layer = await bench.overlay("layer", base, "3.");
    const step = compressStep(bench.file("packed").path, layer.path, base, "zlib");

    const work = bench.driver.compressLayer(step, { signal: AbortSignal.abort() });

    expect(await refusal(work)).toMatchObject({ code: "INTERRUPTED" });
    expect(await bench.driver.observe(bench.file("packed"))).toBeUndefined();
    await bench.driver.compressLayer(step);
    expect(await bench.content(bench.file("packed"))).toBe("32");
  });
}

function folding(make: MakeBench): void {
  test.each(["qcow2", "raw"] as const)(
    "commit gives a %s base the layer's content; who reads through the layer reads right",
    async (format) => {
      const bench = await make();
      const base = await bench.base("1111", format);
      const layer = await bench.overlay("layer", base, "22..");
      const head = await bench.overlay("head", layer, ".3..");
      const seen: Progress[] = [];

      await bench.driver.commit({ from: layer, into: base, end }, { onProgress: (progress) => seen.push(progress) });

      expect(await bench.content(base)).toBe("2211");
      expect([await bench.content(layer), await bench.content(head)]).toEqual(["2211", "2311"]);
      expect(seen.at(-1)).toMatchObject({ step: "commit", path: layer.path, done: 100, total: 100 });
    },
  );

  test("a fold ends the same however often it is run, also with some dependents re-pointed", async () => {
    const bench = await make();
    const base = await bench.base("1111");
    const a = await bench.overlay("a", base, "2...");
    const b = await bench.overlay("b", a, ".3..");
    const heads = [await bench.overlay("h1", b, "..4."), await bench.overlay("h2", b, "...5")] as const;
    for (let times = 0; times < 3; times++) {
      await bench.fold(b, a);
      for (const head of heads.slice(0, times)) await bench.driver.repoint(head, a);
      expect(await Promise.all([a, b, ...heads].map((file) => bench.content(file)))).toEqual([
        "2311",
        "2311",
        "2341",
        "2315",
      ]);
    }
    await bench.driver.remove(b.path);
    expect(await Promise.all([a, ...heads].map((file) => bench.content(file)))).toEqual(["2311", "2341", "2315"]);
  });

  test.each(["qcow2", "raw"] as const)("grows a smaller %s target", async (format) => {
    const bench = await make();
    const base = await bench.base("11", format);
    const layer = await bench.overlay("layer", base, ".2.3");

    await bench.fold(layer, base);

    expect([await bench.content(base), await bench.content(layer)]).toEqual(["1203", "1203"]);
  });

  test("growing brings nothing of a longer file below into view", async () => {
    const bench = await make();
    const base = await bench.base("1111");
    const a = await bench.overlay("a", base, "2.");
    const b = await bench.overlay("b", a, "...3");
    expect(await bench.content(b)).toBe("2103");

    await bench.fold(b, a);

    expect([await bench.content(a), await bench.content(b)]).toEqual(["2103", "2103"]);
  });

  test("a larger target keeps its size until it is shrunk, before its dependents are re-pointed", async () => {
    const bench = await make();
    const base = await bench.base("1111");
    const a = await bench.overlay("a", base, "2222");
    const b = await bench.overlay("b", a, "3.");
    const child = await bench.overlay("child", b, "...4");
    expect(await bench.content(child)).toBe("3204");

    await bench.fold(b, a);
    expect(await bench.content(a)).toBe("3222");
    await bench.driver.shrink(a, 2 * unit);
    expect([await bench.content(a), await bench.content(b), await bench.content(child)]).toEqual(["32", "32", "3204"]);
    await bench.driver.repoint(child, a);
    expect(await bench.content(child)).toBe("3204");
  });

  test("refuses a target that the layer is not backed by, and changes nothing", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const a = await bench.overlay("a", base, "2.");
    const b = await bench.overlay("b", a, ".3");
    const c = await bench.overlay("c", a, "4.");

    expect(await refusal(bench.driver.commit({ from: c, into: b, end }))).toEqual({
      code: "DRIVER_FAILED",
      path: c.path,
    });
    expect(await refusal(bench.driver.commit({ from: c, into: base, end }))).toEqual({
      code: "DRIVER_FAILED",
      path: c.path,
    });
    expect(await Promise.all([base, a, b, c].map((file) => bench.content(file)))).toEqual(["11", "21", "23", "41"]);
  });

  test("refuses a target whose mode says read-only, even as root", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const layer = await bench.overlay("layer", base, "2.");
    await bench.harness.setReadOnly(base.path);

    expect(await refusal(bench.driver.commit({ from: layer, into: base, end }))).toEqual({
      code: "DRIVER_FAILED",
      path: base.path,
    });
    expect(await bench.content(base)).toBe("11");
  });

  test("refuses files that are not there", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const layer = await bench.overlay("layer", base, "2.");
    const missing = bench.file("missing");

    expect(await refusal(bench.driver.commit({ from: missing, into: base, end }))).toEqual({
      code: "FILE_NOT_FOUND",
      path: missing.path,
    });
    expect(await refusal(bench.driver.commit({ from: layer, into: missing, end }))).toEqual({
      code: "FILE_NOT_FOUND",
      path: missing.path,
    });
  });

  test("interrupted, it leaves the layer's readers right, and runs again", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const layer = await bench.overlay("layer", base, "2.");

    const work = bench.driver.commit({ from: layer, into: base, end }, { signal: AbortSignal.abort() });

    expect(await refusal(work)).toMatchObject({ code: "INTERRUPTED" });
    expect(await bench.content(layer)).toBe("21");
    await bench.driver.commit({ from: layer, into: base, end });
    expect(await bench.content(base)).toBe("21");
  });
}

function changingHeaders(make: MakeBench): void {
  test("re-pointing changes the link and nothing else, again and again", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const a = await bench.overlay("a", base, "2.");
    const b = await bench.overlay("b", base, ".3");
    const head = await bench.overlay("head", a, "..");

    for (let times = 0; times < 2; times++) {
      await bench.driver.repoint(head, b);
      expect([await bench.backingOf(head), await bench.content(head)]).toEqual([b.path, "13"]);
    }
    await bench.driver.repoint(head, a);
    expect([await bench.backingOf(head), await bench.content(head)]).toEqual([a.path, "21"]);
  });

  test("re-pointing states the new file's format", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const raw = await bench.base("22", "raw");
    const head = await bench.overlay("head", base, "..");

    await bench.driver.repoint(head, raw);

    expect((await bench.driver.inspectImage(head.path, "qcow2")).chain.map(({ format }) => format)).toEqual(["raw"]);
    expect(await bench.content(head)).toBe("22");
  });

  test("shrinking cuts for good, does nothing to a smaller file, and never a raw one", async () => {
    const bench = await make();
    const base = await bench.base("1111");
    const layer = await bench.overlay("layer", base, "..23");
    for (let times = 0; times < 2; times++) await bench.driver.shrink(layer, 3 * unit);
    await bench.driver.shrink(layer, 4 * unit);
    expect(await bench.content(layer)).toBe("112");
    await bench.harness.resize(layer, 4 * unit);
    expect(await bench.content(layer)).toBe("1120");

    const raw = await bench.base("11", "raw");
    expect(await refusal(bench.driver.shrink(raw, unit))).toEqual({ code: "DRIVER_FAILED", path: raw.path });
    expect(await bench.content(raw)).toBe("11");
  });

  test("refuses to re-point a raw file, and files that are not there", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const raw = await bench.base("11", "raw");
    const missing = bench.file("missing");
    const notFound = { code: "FILE_NOT_FOUND", path: missing.path };

    expect(await refusal(bench.driver.repoint(raw, base))).toEqual({ code: "DRIVER_FAILED", path: raw.path });
    expect(await refusal(bench.driver.repoint(missing, base))).toEqual(notFound);
    expect(await refusal(bench.driver.repoint(await bench.overlay("a", base, ".."), missing))).toEqual(notFound);
    expect(await refusal(bench.driver.shrink(missing, unit))).toEqual(notFound);
    expect(await refusal(bench.driver.repairLeaks(missing))).toEqual(notFound);
    expect(await refusal(bench.driver.probeLock(missing))).toEqual(notFound);
  });

  test("removing a file that is gone, or whose folder is, is no error", async () => {
    const bench = await make();
    const base = await bench.base("11");
    const layer = await bench.overlay("layer", base, "2.");

    for (let times = 0; times < 2; times++) await bench.driver.remove(layer.path);
    await bench.driver.remove(join(bench.harness.folder, "nowhere", "layer"));

    expect(await bench.driver.identify(layer.path)).toBeUndefined();
    expect(await bench.content(base)).toBe("11");
  });

  test("leaves a raw file's content alone when asked to free its leaks", async () => {
    const bench = await make();
    const raw = await bench.base("12", "raw");

    await bench.driver.repairLeaks(raw);

    expect(await bench.content(raw)).toBe("12");
  });
}

function locks(make: MakeBench): void {
  test.each(["qcow2", "raw"] as const)("a foreign writer of a %s file is noticed, until it lets go", async (format) => {
    const bench = await make();
    const base = await bench.base("11", format);
    await bench.driver.probeLock(base);
    const held = await bench.harness.hold(base);
    try {
      expect(await refusal(bench.driver.probeLock(base))).toEqual({ code: "IMAGE_LOCKED", path: base.path });
    } finally {
      await held.release();
    }
    await bench.driver.probeLock(base);
  });

  test("no step goes past a foreign writer of the layer", async () => {
    const bench = await make();
    const base = await bench.base("1111");
    const layer = await bench.overlay("layer", base, ".2..");
    const other = await bench.overlay("other", base, "....");
    const { driver } = bench;
    const steps = [
      () => driver.compressLayer(compressStep(bench.file("packed").path, layer.path, base, "zlib")),
      () => driver.commit({ from: layer, into: base, end }),
      () => driver.shrink(layer, unit),
      () => driver.repoint(layer, other),
      () => driver.repairLeaks(layer),
      () => driver.remove(layer.path),
    ];
    const held = await bench.harness.hold(layer);
    try {
      for (const step of steps) expect(await refusal(step())).toEqual({ code: "IMAGE_LOCKED", path: layer.path });
    } finally {
      await held.release();
    }
    expect([await bench.content(layer), await bench.content(base)]).toEqual(["1211", "1111"]);
    expect(await driver.observe(bench.file("packed"))).toBeUndefined();
  });

  test.each(["qcow2", "raw"] as const)("commit does not go past a foreign writer of its %s target", async (format) => {
    const bench = await make();
    const base = await bench.base("11", format);
    const layer = await bench.overlay("layer", base, ".2");
    const held = await bench.harness.hold(base);
    try {
      const work = bench.driver.commit({ from: layer, into: base, end });
      expect(await refusal(work)).toEqual({ code: "IMAGE_LOCKED", path: base.path });
    } finally {
      await held.release();
    }
    expect(await bench.content(base)).toBe("11");
  });
}
