import { SnapledgerError } from "../../errors.ts";
import type { DomainId } from "../../events/ids.ts";
import type { Backing, FreezeGuest } from "../../events/plan.ts";
import type { MemoryFile } from "../../events/records.ts";
import type { StartGuest, StepOptions } from "../driver.ts";
import { missingFile, wrongLink } from "../errors.ts";
import { commitUnder, openToWrite } from "./files.ts";
import type { During } from "./files.ts";
import type { SimulatedGuest, World } from "./world.ts";

/** A simulated guest's memory when it has just booted. */
const bootedMemoryBytes = 64 * 1024;

export function start(world: World, { domain, heads, memory, paused }: StartGuest): void {
  const paths = heads.map(({ path }) => path);
  const guest = world.guests.get(domain);
  if (guest !== undefined && guest.state !== "off") {
    if (same(guest.heads, paths)) return;
    throw guestError(domain, "is running already, on other files");
  }
  for (const path of paths) {
    world.wholeChain(path);
    world.assertUnlocked(path);
  }
  for (const path of paths) openToWrite(world, path);
  const bytes = memory === null ? new Uint8Array(bootedMemoryBytes) : load(world, memory, paths);
  world.guests.set(domain, { state: paused ? "paused" : "running", heads: paths, memory: bytes });
}

export function stop(world: World, domain: DomainId): void {
  const guest = world.guests.get(domain);
  if (guest !== undefined) guest.state = "off";
}

export function pause(world: World, domain: DomainId, to: "paused" | "running"): void {
  const guest = world.guests.get(domain);
  if (guest === undefined || guest.state === "off") throw guestGone(domain);
  guest.state = to;
}

/** A memory that meets the disks of another instant would crash a real guest sooner or later; here, at once. */
function load(world: World, { path }: MemoryFile, heads: readonly string[]): Uint8Array {
  world.file(path);
  const saved = world.memories.get(path);
  // Adopted from the log: what it and its disks held is not known to this process.
  if (saved === undefined) return new Uint8Array(bootedMemoryBytes);
  if (saved.disks !== world.digest(heads)) {
    throw new SnapledgerError("DRIVER_FAILED", `The memory "${path}" was saved with other disks than these.`, {
      facts: { path, heads },
    });
  }
  return saved.bytes.slice();
}

export async function freeze(
  world: World,
  domain: DomainId,
  step: FreezeGuest,
  during: During,
): Promise<MemoryFile | null> {
  const { overlays, memoryPath } = step;
  const guest = world.guests.get(domain);
  if (guest === undefined || guest.state === "off") throw guestError(domain, "is not running");
  const moved = overlays.map(({ path }) => path);
  if (same(guest.heads, moved)) return memoryFile(world, step);
  assertOverlays(world, domain, guest, overlays);
  if (memoryPath !== null) save(world, guest, memoryPath);
  await during("freeze half done");
  guest.heads = moved;
  return memoryFile(world, step);
}

/** Which files a living guest writes to says whether it was moved; of a dead one, whether it wrote to them. */
export function settleFreeze(world: World, domain: DomainId, step: FreezeGuest): MemoryFile | null | undefined {
  const guest = world.guests.get(domain);
  const paths = step.overlays.map(({ path }) => path);
  const alive = guest !== undefined && guest.state !== "off";
  const moved = alive ? same(guest.heads, paths) : writtenHeads(world, paths).length > 0;
  return moved ? memoryFile(world, step) : undefined;
}

export function writtenHeads(world: World, heads: readonly string[]): string[] {
  return heads.filter((path) => (world.files.get(path)?.clusters.size ?? 0) > 0);
}

export async function commitLive(
  world: World,
  domain: DomainId,
  { from, into }: { readonly from: Backing; readonly into: Backing },
  during: During,
  watch?: StepOptions,
): Promise<void> {
  const guest = world.guests.get(domain);
  if (guest === undefined || guest.state === "off") throw guestGone(domain);
  const chain = guest.heads.flatMap((head) => world.chain(head));
  if (!chain.includes(world.file(from.path))) return;
  await commitUnder(world, from, into, during, watch);
  for (const file of chain) if (file.backing?.path === from.path) file.backing = into;
}

function assertOverlays(
  world: World,
  domain: DomainId,
  guest: SimulatedGuest,
  overlays: FreezeGuest["overlays"],
): void {
  const from = overlays.map((overlay) => overlay.from);
  if (!same(guest.heads, from)) throw guestError(domain, "does not run on the files that were to be frozen");
  for (const overlay of overlays) {
    const backing = world.file(overlay.path).backing?.path ?? null;
    if (backing !== overlay.from) throw wrongLink(overlay.path, backing, overlay.from);
  }
}

function save(world: World, guest: SimulatedGuest, path: string): void {
  world.make(path, { format: "raw", virtualBytes: guest.memory.length });
  world.memories.set(path, { bytes: guest.memory.slice(), disks: world.digest(guest.heads) });
}

/** Its bytes here are those of any memory: only that it is said to be compressed is simulated. */
function memoryFile(world: World, { memoryPath: path, memoryCompression: compression }: FreezeGuest) {
  if (path === null) return null;
  const file = world.files.get(path);
  if (file === undefined) throw missingFile(path);
  return { path, bytes: file.bytes, ...(compression && { compression }) };
}

/** A file that something else was written to is no memory any more. */
export function memoryFault(world: World, { path, compression }: MemoryFile): string | null {
  const written = (world.files.get(path)?.clusters.size ?? 0) > 0;
  return compression !== undefined && written ? "it holds something else" : null;
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((path) => others.includes(path));
}

function guestGone(domain: DomainId): SnapledgerError {
  const message = `The guest of domain ${domain} is not running any more.`;
  return new SnapledgerError("GUEST_GONE", message, { facts: { domain } });
}

function guestError(domain: DomainId, problem: string): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `The guest of domain ${domain} ${problem}.`, { facts: { domain } });
}
