import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { memoryDriver } from "../../src/drivers/memory/index.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { freshFolder } from "../support/folders.ts";
import { holdOpen, makeQcow2, makeRaw, qemuImg, readAll, writePattern } from "../support/images.ts";
import { killGuest, writeInGuest } from "../support/guest-hands.ts";
import { testDriver } from "./driver.ts";

testDriver("qemu", () => {
  const folder = freshFolder();
  const run = join(folder, "run");
  return Promise.resolve({
    driver: qemuDriver({ run }),
    folder,
    write: ({ path, format }, offset, length, byte) => writePattern(path, format, offset, length, byte),
    read: ({ path, format }) => readAll(path, format),
    async makeBase(path, format, bytes) {
      if (format === "raw") makeRaw(path, bytes);
      else await makeQcow2(path, bytes);
    },
    hold: ({ path, format }) => holdOpen(path, format),
    async resize({ path, format }, bytes) {
      await qemuImg("resize", "-f", format, path, String(bytes));
    },
    setReadOnly: (path) => chmod(path, 0o444),
    guestWrites: (domain, target, offset, length, byte) => writeInGuest(run, domain, { target, offset, length, byte }),
    killGuest: (domain) => killGuest(run, domain),
  });
});

test("a qemu driver without a folder for guests says that it cannot run them", async () => {
  const driver = qemuDriver();
  const work = driver.stop("00000000-0000-7000-8000-000000000001");
  await expect(work).rejects.toMatchObject({ code: "UNSUPPORTED" });
  expect(driver.supports).toMatchObject({ guests: false, memory: false });
});

testDriver("memory", () => {
  const driver = memoryDriver({ inventBases: false });
  const { world } = driver;
  const soon = (work: () => void) => Promise.resolve().then(work);
  return Promise.resolve({
    driver,
    folder: "/images",
    write: ({ path }, offset, length, byte) => soon(() => world.write(path, offset, new Uint8Array(length).fill(byte))),
    read: ({ path }) => Promise.resolve(world.read(path)),
    makeBase: (path, format, virtualBytes) => soon(() => world.make(path, { format, virtualBytes })),
    hold: ({ path }) => {
      const release = world.lock(path);
      return Promise.resolve({ release: () => soon(release) });
    },
    resize: ({ path }, bytes) => soon(() => world.resize(path, bytes)),
    setReadOnly: (path) =>
      soon(() => {
        world.file(path).writable = false;
      }),
    guestWrites: (domain, target, offset, length, byte) =>
      soon(() => {
        const head = world.guests.get(domain)?.heads[target === "vda" ? 0 : 1] ?? "";
        world.write(head, offset, new Uint8Array(length).fill(byte));
      }),
    killGuest: (domain) => driver.stop(domain),
  });
});
