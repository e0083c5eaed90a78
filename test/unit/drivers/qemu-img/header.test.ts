import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseHeader } from "../../../../src/drivers/qemu-img/header.ts";
import { isSnapledgerError } from "../../../../src/errors.ts";
import { freshFolder } from "../../../support/folders.ts";
import { MiB, makeQcow2, qemuImg } from "../../../support/images.ts";

interface Info {
  "virtual-size": number;
  "cluster-size": number;
  "backing-filename"?: string;
  "backing-filename-format"?: string;
  "format-specific": { data: { "compression-type"?: string } };
}

test.each([
  "compat=0.10",
  "compat=1.1",
  "cluster_size=512",
  "cluster_size=2M",
  "extended_l2=on",
  "compression_type=zstd",
  "lazy_refcounts=on",
  "preallocation=metadata",
  "refcount_bits=64",
])("reads the header of an image made with %s as QEMU does", async (options) => {
  const folder = freshFolder();
  const backing = join(folder, "base");
  const path = join(folder, "image");
  await makeQcow2(backing, MiB);
  const on = options === "preallocation=metadata" ? [] : ["-b", backing, "-F", "qcow2"];
  await qemuImg("create", "-q", "-f", "qcow2", "-o", options, ...on, path, "3M");
  const bytes = readFileSync(path);

  const header = parseHeader(path, bytes, bytes.length);

  const info = JSON.parse(await qemuImg("info", "-f", "qcow2", "--output=json", path)) as Info;
  expect(header).toMatchObject({
    virtualBytes: info["virtual-size"],
    clusterBytes: info["cluster-size"],
    backing: on.length === 0 ? null : { path: info["backing-filename"], format: info["backing-filename-format"] },
    compression: info["format-specific"].data["compression-type"] ?? "zlib",
  });
});

test("any bytes at all are either a header or IMAGE_INVALID", async () => {
  const folder = freshFolder();
  const real = readFileSync(await makeQcow2(join(folder, "i"), MiB, { path: join(folder, "b"), format: "raw" }));
  const mutation = fc.record({
    at: fc.oneof(fc.nat(120), fc.nat(700), fc.nat(real.length - 1)),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
  });
  const hostile = fc
    .record({
      mutations: fc.array(mutation, { maxLength: 6 }),
      length: fc.oneof(fc.nat(200), fc.constant(real.length)),
    })
    .map(({ mutations, length }) => {
      const bytes = Uint8Array.from(real);
      for (const each of mutations) bytes.set(each.bytes.subarray(0, bytes.length - each.at), each.at);
      return bytes.subarray(0, length);
    });
  let accepted = 0;
  let refused = 0;

  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: hostile }, { weight: 1, arbitrary: fc.uint8Array() }), (bytes) => {
      try {
        const { virtualBytes, clusterBytes, l1, backing } = parseHeader("/image", bytes, bytes.length);
        expect(virtualBytes % 512).toBe(0);
        expect(clusterBytes).toBeLessThanOrEqual(2 * MiB);
        expect(l1.offset + l1.entries * 8).toBeLessThanOrEqual(bytes.length);
        expect(backing?.path.length ?? 0).toBeLessThan(1024);
        accepted++;
      } catch (error) {
        if (!isSnapledgerError(error, "IMAGE_INVALID")) throw error;
        expect(error.message).toMatch(/^The image "\/image" .+\.$/);
        refused++;
      }
    }),
    { seed: 20_100_315, numRuns: 5000 },
  );

  expect(Math.min(accepted, refused)).toBeGreaterThan(100);
});
