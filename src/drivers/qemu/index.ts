import { SnapledgerError } from "../../errors.ts";
import type { Driver } from "../driver.ts";
import { assertPlainPath, identityOf, statOf } from "./files.ts";
import { commit, remove, repairLeaks, repoint, shrink } from "./fold.ts";
import { readImage } from "./image.ts";
import { filesIn, freeBytes, inspectImage, probeLock } from "./inspect.ts";
import { compressLayer, makeOverlay, prepareFolder } from "./make.ts";
import { qemuImg } from "./tool.ts";

/** qcow2 and raw images of stopped guests through qemu-img. `program` is its absolute path; else it is found on PATH. */
export function qemuDriver(options: { readonly program?: string } = {}): Driver {
  const tool = qemuImg(options.program);
  return {
    name: "qemu",
    supports: { guests: false, memory: false, compression: ["zlib", "zstd"] },
    adopt: () => Promise.resolve(),

    inspectImage: (path, format) => inspectImage(tool, path, format),
    async identify(path) {
      assertPlainPath(path);
      const stats = await statOf(path);
      return stats === undefined ? undefined : identityOf(stats);
    },
    async observe(file) {
      const image = await readImage(file);
      if (image === undefined) return undefined;
      const { facts, backing, writable } = image;
      return { facts, backing, writable };
    },
    probeLock: (file) => probeLock(tool, file),
    freeBytes,
    filesIn,

    prepareFolder,
    makeOverlay: (step, watch) => makeOverlay(tool, step, watch),
    compressLayer: (step, watch) => compressLayer(tool, step, watch),

    commit: ({ from, into }, watch) => commit(tool, from, into, watch),
    shrink: (file, virtualBytes, watch) => shrink(tool, file, virtualBytes, watch),
    repoint: (file, backing, watch) => repoint(tool, file, backing, watch),
    repairLeaks: (file, watch) => repairLeaks(tool, file, watch),
    remove: (path) => remove(tool, path),

    guestState: () => Promise.resolve("off"),
    guestHeads: () => Promise.resolve([]),
    start: () => noGuests(),
    stop: () => noGuests(),
    freeze: () => noGuests(),
  };
}

function noGuests(): Promise<never> {
  const hint = "Start the guest by other means from the files that `domblklist` names, or pass --no-start.";
  return Promise.reject(new SnapledgerError("UNSUPPORTED", "The qemu driver cannot run guests yet.", { hint }));
}
