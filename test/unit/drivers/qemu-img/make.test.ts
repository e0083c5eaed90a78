import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareFolder } from "../../../../src/drivers/qemu-img/make.ts";
import { freshFolder } from "../../../support/folders.ts";

/** Whoever can write to the folder of the layers can change what every snapshot holds: it is this user's alone. */

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test("a folder that is missing is made for its owner alone, and those above it", async () => {
  const above = join(freshFolder(), "deep", "er");
  for (let times = 0; times < 2; times++) await prepareFolder(join(above, "vm"));
  expect([modeOf(above), modeOf(join(above, "vm"))]).toEqual(["700", "700"]);
});

test.each([0o770, 0o707, 0o720])("a folder of mode %o is refused, and left as it is", async (mode) => {
  const folder = join(freshFolder(), "vm");
  mkdirSync(folder);
  chmodSync(folder, mode);
  await expect(prepareFolder(folder)).rejects.toMatchObject({
    ...{ code: "LAYERS_UNSAFE", facts: { path: folder }, hint: `chmod go-w ${folder}` },
  });
  expect(modeOf(folder)).toBe(mode.toString(8));
});

test("a folder that others may read is none of ours to judge", async () => {
  const folder = join(freshFolder(), "vm");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  await prepareFolder(folder);
  expect(modeOf(folder)).toBe("755");
});

test("a folder in one that others can write to is refused: they could put another in its place", async () => {
  const above = join(freshFolder(), "open");
  mkdirSync(above);
  chmodSync(above, 0o777);
  await expect(prepareFolder(join(above, "vm"))).rejects.toMatchObject({
    ...{ code: "LAYERS_UNSAFE", facts: { path: above }, hint: `chmod go-w ${above}` },
  });
  chmodSync(above, 0o1777);
  await prepareFolder(join(above, "vm"));
});

test.each(["a file", "below a file", "a link to a folder"])("what is %s is refused", async (kind) => {
  const folder = freshFolder();
  writeFileSync(join(folder, "file"), "");
  symlinkSync(freshFolder(), join(folder, "link"));
  const name = kind === "a file" ? "file" : kind === "below a file" ? "file/vm" : "link";
  await expect(prepareFolder(join(folder, name))).rejects.toMatchObject({
    ...{ code: "LAYERS_UNSAFE", facts: { path: join(folder, name) }, hint: "Choose another one." },
  });
});

test("one where no folder can be made is refused, and does not take for ever", async () => {
  await expect(prepareFolder("/proc/snapledger/vm")).rejects.toMatchObject({ code: "LAYERS_UNSAFE" });
});
