import type { DomainId } from "../../events/ids.ts";
import type { FileFacts } from "../../events/records.ts";
import type { AdoptedDomain, Driver } from "../driver.ts";
import { canCommitLive, commit, compressLayer, imageFault, inspectImage, leftOut } from "./files.ts";
import { makeOverlay, observe, prepareFolder, remove, repairImage, repoint, shrink } from "./files.ts";
import type { During } from "./files.ts";
import { commitLive, freeze, memoryFault, pause, settleFreeze, start, stop, writtenHeads } from "./guests.ts";
import { World } from "./world.ts";

export { World } from "./world.ts";
export type { During } from "./files.ts";

export interface MemoryDriver extends Driver {
  /** The simulated machine: where tests read, write and meddle. */
  readonly world: World;
}

export interface MemoryOptions {
  /** The machine to work on; hand the same one to the driver of a restarted manager. */
  readonly world?: World;
  /** Whether a path that is not there is a base image of 8 MiB as soon as it is inspected. Default true. */
  readonly inventBases?: boolean;
  /** Called in the middle of commit and freeze; what it throws leaves them half done. */
  readonly during?: During;
}

const baseBytes = 8 * 1024 * 1024;

/** Files and guests simulated in RAM; a new process rebuilds them from the log with `adopt`, without their content. */
export function memoryDriver({
  world = new World(),
  inventBases = true,
  during = () => undefined,
}: MemoryOptions = {}): MemoryDriver {
  return {
    world,
    name: "memory",
    supports: { guests: true, memory: true, compression: ["zlib", "zstd"], memoryCompression: ["zstd"] },
    adopt: (domain) => promised(() => adopt(world, domain)),

    inspectImage: (path, format) =>
      promised(() => {
        const invented = inventBases && observe(world, { path, format }) === undefined;
        if (invented) world.make(path, { format, virtualBytes: baseBytes });
        return inspectImage(world, path, format);
      }),
    identify: (path) => promised(() => identityOf(observe(world, { path, format: "raw" })?.facts)),
    observe: (file) => promised(() => observe(world, file)),
    probeLock: ({ path }) => promised(() => world.assertUnlocked(path)),
    freeBytes: () => promised(() => world.freeBytes),
    checkFolder: () => Promise.resolve(),
    filesIn: (folder) =>
      promised(() => [...world.files.keys()].filter((path) => path.slice(0, path.lastIndexOf("/")) === folder).sort()),

    prepareFolder: (folder) => promised(() => prepareFolder(world, folder)),
    makeOverlay: (step) => promised(() => makeOverlay(world, step)),
    compressLayer: (step, watch) => compressLayer(world, step, watch),

    imageFault: (file) => promised(() => imageFault(world, file)),
    leftOut: ({ from, into }) => promised(() => leftOut(world, from, into)),
    repairImage: (file) => promised(() => repairImage(world, file)),

    commit: (step, watch) => commit(world, step, during, watch),
    shrink: (file, virtualBytes) => promised(() => shrink(world, file, virtualBytes)),
    repoint: (file, backing) => promised(() => repoint(world, file, backing)),
    repairLeaks: ({ path }) => promised(() => world.assertUnused(path)),
    remove: (path) => promised(() => remove(world, path)),

    guestState: (domain) => promised(() => running(world, domain)?.state ?? "off"),
    guestHeads: (domain) => promised(() => running(world, domain)?.heads ?? []),
    guestWrites: (domain) => promised(() => writtenHeads(world, running(world, domain)?.heads ?? [])),
    machines: () => Promise.resolve(null),
    memoryFault: (memory) => promised(() => memoryFault(world, memory)),
    start: (guest) => promised(() => start(world, guest)),
    stop: (domain) => promised(() => stop(world, domain)),
    shutdown: (domain) => promised(() => stop(world, domain)),
    suspend: (domain) => promised(() => pause(world, domain, "paused")),
    resume: (domain) => promised(() => pause(world, domain, "running")),
    freeze: (domain, step) => freeze(world, domain, step, during),
    settleFreeze: (domain, step) => promised(() => settleFreeze(world, domain, step)),
    thaw: () => Promise.resolve(),
    commitLive: (domain, { from, into }, watch) => commitLive(world, domain, { from, into }, during, watch),
    isCommitting: () => Promise.resolve(false),
    canCommitLive: (step) => promised(() => canCommitLive(world, step)),
  };
}

/** Rejects with what `work` throws. */
function promised<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function running(world: World, domain: DomainId) {
  const guest = world.guests.get(domain);
  return guest?.state === "off" ? undefined : guest;
}

function identityOf(facts: FileFacts | undefined) {
  return facts === undefined ? undefined : { device: facts.device, inode: facts.inode };
}

/** Adds what this process has not seen yet; what RAM has, or has seen removed, is newer than the log's word. */
function adopt(world: World, domain: AdoptedDomain): void {
  const formats = new Map(domain.files.map(({ facts }) => [facts.path, facts.format]));
  for (const { facts, backing, writable } of domain.files) {
    const { path, device, inode, format, bytes, virtualBytes, mtimeNs } = facts;
    if (world.files.has(path) || world.removed.has(path)) continue;
    world.files.set(path, {
      ...{ device, inode, format, bytes, virtualBytes, writable, mtimeNs: BigInt(mtimeNs) },
      backing: backing === null ? null : { path: backing, format: formats.get(backing) ?? "qcow2" },
      compression: null,
      fault: null,
      clusters: new Map(),
    });
  }
  for (const { path, bytes } of domain.memories) {
    if (!world.files.has(path) && !world.removed.has(path)) world.make(path, { format: "raw", virtualBytes: bytes });
  }
  if (!world.guests.has(domain.id)) {
    world.guests.set(domain.id, { state: domain.guest, heads: domain.heads, memory: new Uint8Array() });
  }
}
