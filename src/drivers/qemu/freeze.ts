import { SnapledgerError } from "../../errors.ts";
import type { DomainId } from "../../events/ids.ts";
import type { FreezeGuest } from "../../events/plan.ts";
import type { GuestState, MemoryFile } from "../../events/records.ts";
import type { StepOptions } from "../driver.ts";
import { wrongLink } from "../errors.ts";
import { discardDraft, draftOf, publish, statOf } from "../qemu-img/files.ts";
import { readImage } from "../qemu-img/image.ts";
import { thawFileSystems, withFrozenFileSystems } from "./agent.ts";
import type { GuestFolder } from "./folder.ts";
import { saveMemory } from "./memory.ts";
import { blockNodes, freeNumber, guestDisks, nodeOf, nodeOptions } from "./nodes.ts";
import type { Qmp } from "./qmp.ts";
import { stateOf, withGuest } from "./session.ts";
import { zstdProgram } from "./zstd.ts";

type Overlays = FreezeGuest["overlays"];

/**
 * Moves the guest onto the overlays, all disks in one transaction. With memory it stands still from before the first
 * byte of memory to after the transaction: both are of one instant. Without, it runs throughout.
 */
export async function freezeGuest(
  folder: GuestFolder,
  domain: DomainId,
  step: FreezeGuest,
  watch?: StepOptions,
): Promise<MemoryFile | null> {
  let was: GuestState = "off";
  try {
    await withGuest(folder, "control", async (qmp) => {
      was = stateOf((await qmp.execute("query-status")).status);
      await freeze(folder, domain, qmp, step, was, watch);
    });
    // Without this word of the guest's there was none.
    if ((was as GuestState) === "off") throw notRunning(domain);
  } catch (error) {
    // Whatever failed: the guest may have been moved already, and then its writes must not be taken away.
    const settled = await settle(folder, step, was);
    if (settled === undefined) throw error;
    return settled;
  }
  return finishMemory(folder, step);
}

async function freeze(
  folder: GuestFolder,
  domain: DomainId,
  qmp: Qmp,
  { overlays, memoryPath, memoryCompression, quiesce }: FreezeGuest,
  was: GuestState,
  watch?: StepOptions,
): Promise<void> {
  const disks = await guestDisks(qmp);
  if (overlays.every(({ path }) => disks.some(({ chain }) => chain[0] === path))) return;
  const zstd = memoryCompression === undefined ? undefined : zstdProgram();
  checkOverlays(domain, disks, overlays);
  await openOverlays(qmp, overlays);
  if (memoryPath !== null) {
    await saveMemory(folder, qmp, { path: memoryPath, zstd }, watch);
  }
  if (quiesce === true) await withFrozenFileSystems(folder, () => switchOver(qmp, overlays));
  else await switchOver(qmp, overlays);
  if (memoryPath !== null && was === "running") await qmp.execute("cont");
}

function checkOverlays(domain: DomainId, disks: Awaited<ReturnType<typeof guestDisks>>, overlays: Overlays): void {
  for (const { path, from } of overlays) {
    if (!disks.some(({ chain }) => chain[0] === from)) throw onOtherFiles(domain);
    const image = readImage({ path, format: "qcow2" });
    if (image?.backing !== from) throw wrongLink(path, image?.backing ?? null, from);
  }
}

async function openOverlays(qmp: Qmp, overlays: Overlays): Promise<void> {
  for (const { path } of overlays) {
    const nodes = await blockNodes(qmp);
    if (nodeOf(nodes, path) !== undefined) continue;
    await qmp.execute("blockdev-add", nodeOptions({ path, format: "qcow2" }, freeNumber(nodes), "overlay"));
  }
}

async function switchOver(qmp: Qmp, overlays: Overlays): Promise<void> {
  const nodes = await blockNodes(qmp);
  const actions = overlays.map(({ path, from }) => {
    const [node, overlay] = [nodeOf(nodes, from), nodeOf(nodes, path)];
    if (node === undefined || overlay === undefined) throw new Error(`${path} or ${from} is not open`);
    return { type: "blockdev-snapshot", data: { node, overlay } } as const;
  });
  await qmp.execute("transaction", { actions });
}

/** Lets go of overlays that the guest was not moved onto. */
async function release(qmp: Qmp, overlays: Overlays): Promise<void> {
  const used = new Set((await guestDisks(qmp)).flatMap(({ chain }) => chain));
  const nodes = await blockNodes(qmp);
  for (const { path } of overlays) {
    const node = nodeOf(nodes, path);
    if (node !== undefined && !used.has(path)) await qmp.execute("blockdev-del", { "node-name": node });
  }
}

/** Of a manager that died. What it had the agent freeze is thawed, as far as it can be: nothing else waits for that. */
export async function settleFreeze(
  folder: GuestFolder,
  step: FreezeGuest,
  was: GuestState,
): Promise<MemoryFile | null | undefined> {
  if (step.quiesce === true) await thawFileSystems(folder).catch(() => undefined);
  return settle(folder, step, was);
}

/**
 * By evidence: a living guest's own word, else an overlay that was written to, says that the guest was moved; then it
 * resolves with the memory. undefined: it was not, and its overlays are let go of. A guest that `was` running runs on.
 */
async function settle(folder: GuestFolder, step: FreezeGuest, was: GuestState): Promise<MemoryFile | null | undefined> {
  const moved = await withGuest(folder, "control", async (qmp) => {
    const heads = (await guestDisks(qmp)).map(({ chain }) => chain[0]);
    const found = step.overlays.every(({ path }) => heads.includes(path));
    if (!found) await endMigration(qmp);
    if (!found) await release(qmp, step.overlays);
    if (was === "running") await qmp.execute("cont");
    return found;
  });
  if (moved ?? anyWritten(step.overlays)) return finishMemory(folder, step);
  if (step.memoryPath !== null) await discardDraft(step.memoryPath);
  return undefined;
}

/** Of a manager that died while it took the memory in: QEMU notices the lost socket and gives up by itself. */
async function endMigration(qmp: Qmp): Promise<void> {
  await qmp.execute("migrate_cancel");
  await qmp.until(async () => {
    const { status } = await qmp.execute("query-status");
    return status === "finish-migrate" ? undefined : status;
  });
}

/** An overlay as qemu-img makes it ends with its cluster table; whatever is written goes behind that. */
function anyWritten(overlays: Overlays): boolean {
  for (const { path } of overlays) {
    const image = readImage({ path, format: "qcow2" });
    if (image?.header && image.facts.bytes > image.header.l1.offset + 8 * image.header.l1.entries) return true;
  }
  return false;
}

/** The memory gets its name, durably. It was whole before the guest was moved. */
async function finishMemory(folder: GuestFolder, step: FreezeGuest): Promise<MemoryFile | null> {
  const { memoryPath, memoryCompression: compression } = step;
  if (memoryPath === null) return null;
  const there = statOf(memoryPath);
  if (there === undefined && statOf(draftOf(memoryPath)) === undefined) return null;
  if (there === undefined) await publish(memoryPath);
  const bytes = Number(statOf(memoryPath)?.size ?? 0n);
  const machine = folder.read()?.machine;
  return { path: memoryPath, bytes, ...(compression && { compression }), ...(machine && { machine }) };
}

function notRunning(domain: DomainId): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `The guest of domain ${domain} is not running.`, { facts: { domain } });
}

function onOtherFiles(domain: DomainId): SnapledgerError {
  return new SnapledgerError(
    "DRIVER_FAILED",
    `The guest of domain ${domain} does not run on the files that were to be frozen.`,
    { facts: { domain } },
  );
}
