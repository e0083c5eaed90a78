import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFile, loadChecked, replaceFile, replaceFileBlocking, saveChecked } from "../../../src/system/write.ts";

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "snapledger-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const ways: [string, (path: string, content: string) => Promise<void>][] = [
  ["replaceFile", (path, content) => replaceFile(path, content)],
  ["replaceFile, durable", (path, content) => replaceFile(path, content, { durable: true })],
  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a rejection, as of the others
  ["replaceFileBlocking", async (path, content) => replaceFileBlocking(path, content)],
];

test.each(ways)("%s replaces a file, 0600, and leaves no other", async (_, replace) => {
  const folder = freshFolder();
  const path = join(folder, "file");
  writeFileSync(path, "a longer text than the next", { mode: 0o644 });
  await replace(path, "next");
  expect(readFileSync(path, "utf8")).toBe("next");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["file"]);
});

test.each(ways)("%s that fails leaves everything as it was", async (_, replace) => {
  const folder = freshFolder();
  const path = join(folder, "file");
  mkdirSync(join(path, "inside"), { recursive: true });
  await expect(replace(path, "next")).rejects.toMatchObject({ code: "EISDIR" });
  expect(readdirSync(folder)).toEqual(["file"]);
  await expect(replace(join(folder, "missing", "file"), "next")).rejects.toMatchObject({ code: "ENOENT" });
});

test("createFile makes a file, and leaves one that is there", async () => {
  const folder = freshFolder();
  const path = join(folder, "file");
  await createFile(path, "first");
  await createFile(path, "second");
  expect(readFileSync(path, "utf8")).toBe("first");
  expect(readdirSync(folder)).toEqual(["file"]);
});

test("a checked text is loaded whole or not at all", async () => {
  const folder = freshFolder();
  const path = join(folder, "file");
  expect(loadChecked(path)).toBeUndefined();
  await saveChecked(path, "a text\nof two lines");
  expect(loadChecked(path)).toBe("a text\nof two lines");
  truncateSync(path, statSync(path).size - 1);
  expect(loadChecked(path)).toBeUndefined();
  await saveChecked(join(folder, "missing", "file"), "nowhere");
  expect(readdirSync(folder)).toEqual(["file"]);
});
