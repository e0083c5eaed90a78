import { chmodSync } from "node:fs";
import { memoryDriver } from "../../src/drivers/memory.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { freshFolder } from "../folders.ts";
import { holdOpen, makeQcow2, makeRaw, qemuImg, readAll, writePattern } from "../images.ts";
import { testDriver } from "./driver.ts";

testDriver("qemu", () =>
  Promise.resolve({
    driver: qemuDriver(),
    folder: freshFolder(),
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
    setReadOnly: (path) => Promise.resolve(chmodSync(path, 0o444)),
  }),
);

testDriver("memory", () => {
  const driver = memoryDriver({ inventBases: false });
  const { world } = driver;
  return Promise.resolve({
    driver,
    folder: "/images",
    write: ({ path }, offset, length, byte) =>
      Promise.resolve(world.write(path, offset, new Uint8Array(length).fill(byte))),
    read: ({ path }) => Promise.resolve(world.read(path)),
    makeBase: (path, format, virtualBytes) => Promise.resolve(void world.make(path, { format, virtualBytes })),
    hold: ({ path }) => {
      const release = world.lock(path);
      return Promise.resolve({ release: () => Promise.resolve(release()) });
    },
    resize: ({ path }, bytes) => Promise.resolve(world.resize(path, bytes)),
    setReadOnly: (path) => Promise.resolve(void (world.file(path).writable = false)),
  });
});
