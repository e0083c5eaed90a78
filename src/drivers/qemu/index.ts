import { setImmediate as nextTurn } from "node:timers/promises";
import { SnapledgerError } from "../../errors.ts";
import type { Backing } from "../../events/plan.ts";
import type { FileIdentity } from "../../events/records.ts";
import type { Driver, ObservedFile } from "../driver.ts";
import { qemuGuests } from "./guests.ts";
import type { Guests } from "./guests.ts";
import { imageChecks, repairImage } from "../qemu-img/check.ts";
import { leftOut, wouldShow } from "../qemu-img/compare.ts";
import { assertPlainPath, identityOf, statOf } from "../qemu-img/files.ts";
import { commit, remove, repairLeaks, repoint, shrink } from "../qemu-img/fold.ts";
import { readImage } from "../qemu-img/image.ts";
import { filesIn, freeBytes, inspectImage, probeLock } from "../qemu-img/inspect.ts";
import { checkFolder, compressLayer, makeOverlay, prepareFolder } from "../qemu-img/make.ts";
import { qemuImg, qemuIo } from "../qemu-img/tool.ts";

export interface QemuOptions {
  /** The absolute path of qemu-img, and of QEMU itself; else they are found on PATH. */
  readonly program?: string;
  readonly system?: string;
  /** The store's run folder, which guests are kept in; without it this driver works on files alone. */
  readonly run?: string;
}

/** qcow2 and raw images: through qemu-img when the guest is off, through QEMU itself when it runs. */
export function qemuDriver({ program, system, run }: QemuOptions = {}): Driver {
  const tool = qemuImg(program);
  const checks = imageChecks();
  const tools = { tool, io: qemuIo(), checks };
  const guests = run !== undefined;
  return {
    name: "qemu",
    supports: {
      ...{ guests, memory: guests, compression: ["zlib", "zstd"] },
      ...(guests && { memoryCompression: ["zstd"] as const }),
    },
    adopt: () => Promise.resolve(),

    inspectImage: (path, format) => inspectImage(tool, path, format),
    identify: (path) => inTurn(() => identify(path)),
    observe: (file) => inTurn(() => observe(file)),
    probeLock: (file) => probeLock(tool, file),
    imageFault: (file, watch, how) => checks.fault(tool, file, watch, how),
    leftOut: ({ from, into }) => leftOut(from, into),
    freeBytes: (folder) => inTurn(() => freeBytes(folder)),
    checkFolder: (folder) =>
      inTurn(() => {
        checkFolder(folder);
      }),
    filesIn,

    prepareFolder,
    makeOverlay: (step, watch) => makeOverlay(tool, step, watch),
    compressLayer: (step, watch) => compressLayer(tool, step, watch),

    repairImage: (file, watch) => repairImage(tool, file, watch),

    commit: (step, watch) => commit(tools, step, watch),
    shrink: (file, virtualBytes, watch) => shrink(tools, file, virtualBytes, watch),
    repoint: (file, backing, watch) => repoint(tool, file, backing, watch),
    repairLeaks: (file, watch) => repairLeaks(tools, file, watch),
    remove: (path) => remove(tool, path),

    ...(guests ? qemuGuests(run, system) : noGuests),
    canCommitLive: async ({ from, into, end }) => (await wouldShow(from, into, end)).length === 0,
  };
}

function identify(path: string): FileIdentity | undefined {
  assertPlainPath(path);
  const stats = statOf(path);
  return stats === undefined ? undefined : identityOf(stats);
}

function observe(file: Backing): ObservedFile | undefined {
  const image = readImage(file);
  if (image === undefined) return undefined;
  const { facts, backing, backingFormat, writable } = image;
  return { facts, backing, backingFormat, writable };
}

/** A loop over many files lets everything else have its turn. */
async function inTurn<T>(work: () => T): Promise<T> {
  await nextTurn();
  return work();
}

const cannot = (): Promise<never> => {
  const hint = "Start the guest by other means from the files that `domblklist` names, or pass --no-start.";
  const message = "The qemu driver cannot run guests without a folder to keep them in.";
  return Promise.reject(new SnapledgerError("UNSUPPORTED", message, { hint }));
};

const noGuests: Guests = {
  guestState: () => Promise.resolve("off"),
  guestHeads: () => Promise.resolve([]),
  guestWrites: () => Promise.resolve([]),
  machines: () => Promise.resolve(null),
  memoryFault: () => Promise.resolve(null),
  ...{ start: cannot, stop: cannot, shutdown: cannot, suspend: cannot, resume: cannot },
  ...{ freeze: cannot, settleFreeze: cannot, thaw: cannot, commitLive: cannot },
  isCommitting: () => Promise.resolve(false),
};
