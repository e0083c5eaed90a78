import { join } from "node:path";
import { expect, test } from "vitest";
import { freshFolder } from "./folders.ts";
import { KiB, MiB, makeQcow2, makeRaw, qemuImg, readAll, readWithQemu, writePattern } from "./images.ts";

test.each(["qcow2", "raw"] as const)("our reader and QEMU read the same bytes over a %s base", async (format) => {
  const folder = freshFolder();
  const at = (name: string) => join(folder, name);
  const base = at("base");
  if (format === "raw") makeRaw(base, 2 * MiB);
  else await makeQcow2(base, 2 * MiB);
  await writePattern(base, format, 0, 2 * MiB, 1);
  const short = await makeQcow2(at("short"), 1 * MiB + 512, { path: base, format });
  await writePattern(short, "qcow2", 100 * KiB, 300 * KiB, 2);
  const packed = at("packed");
  await qemuImg("convert", "-c", "-f", "qcow2", "-O", "qcow2", "-B", base, "-F", format, short, packed);
  const top = await makeQcow2(at("top"), 3 * MiB, { path: packed, format: "qcow2" });
  await writePattern(top, "qcow2", 64 * KiB, 512, 3);

  const read = await readAll(top, "qcow2");

  expect(read.equals(await readWithQemu(top, "qcow2"))).toBe(true);
  expect([read[0], read[64 * KiB], read[200 * KiB], read[MiB + 511], read[MiB + 512]]).toEqual([1, 3, 2, 1, 0]);
});
