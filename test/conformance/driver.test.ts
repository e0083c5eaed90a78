import { chmod } from "node:fs/promises";
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
    setReadOnly: (path) => chmod(path, 0o444),
  }),
);

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
  });
});
