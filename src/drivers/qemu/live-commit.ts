import { basename } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import type { Backing } from "../../events/plan.ts";
import type { StepOptions } from "../driver.ts";
import { fullDisk, interrupted, missingFile, readOnlyImage } from "../errors.ts";
import { syncFile } from "../qemu-img/files.ts";
import { readImage } from "../qemu-img/image.ts";
import type { GuestFolder } from "./folder.ts";
import { blockNodes, guestDisks, nodeOf } from "./nodes.ts";
import type { Job } from "./qmp-commands.ts";
import type { Qmp } from "./qmp.ts";
import { withGuest } from "./session.ts";

/** Has QEMU write `from` down into `into` and read through `into` from then on, while the guest runs. */
export async function commitLive(
  folder: GuestFolder,
  from: Backing,
  into: Backing,
  watch?: StepOptions,
): Promise<void> {
  const target = readImage(into);
  if (target === undefined) throw missingFile(into.path);
  if (!target.writable) throw readOnlyImage(into.path);
  const done = await withGuest(folder, "control", async (qmp) => {
    const above = await runJob(qmp, from, into, watch);
    await letGo(qmp, from);
    for (const path of [into.path, ...(above === undefined ? [] : [above])]) await syncFile(path);
    return true;
  });
  if (!done) throw new SnapledgerError("GUEST_GONE", "The guest is not running any more.", { hint: "Run it again." });
}

/** Resolves with the file that read through `from`; undefined when a manager before this one had got to the end. */
async function runJob(qmp: Qmp, from: Backing, into: Backing, watch?: StepOptions): Promise<string | undefined> {
  const id = jobIdOf(from);
  const disk = (await guestDisks(qmp)).find(({ chain }) => chain.includes(from.path));
  const above = disk?.chain[disk.chain.indexOf(from.path) - 1];
  if ((await jobOf(qmp, id)) === undefined) {
    if (disk === undefined) return undefined;
    await begin(qmp, id, disk.node, from, into);
  }
  const { error } = await followed(qmp, id, from.path, watch);
  await qmp.execute("job-dismiss", { id });
  if (error !== undefined) throw failed(error, from.path, watch);
  return above;
}

/** Somebody began it: it goes on, or is through, so that the guest does not read the file any more. */
export async function isCommitting(qmp: Qmp, from: Backing): Promise<boolean> {
  if ((await jobOf(qmp, jobIdOf(from))) !== undefined) return true;
  return (await guestDisks(qmp)).every(({ chain }) => !chain.includes(from.path));
}

function jobIdOf({ path }: Backing): string {
  return `fold-${basename(path, ".qcow2")}`;
}

async function begin(qmp: Qmp, id: string, device: string, from: Backing, into: Backing): Promise<void> {
  const nodes = await blockNodes(qmp);
  const [top, base] = [nodeOf(nodes, from.path), nodeOf(nodes, into.path)];
  if (top === undefined || base === undefined) throw missingFile(top === undefined ? from.path : into.path);
  await qmp.execute("block-commit", {
    ...{ "job-id": id, device, "top-node": top, "base-node": base, "backing-file": into.path },
    // A manager that comes after this one has to be able to see how it ended.
    "auto-dismiss": false,
  });
}

async function jobOf(qmp: Qmp, id: string): Promise<Job | undefined> {
  return (await qmp.execute("query-jobs")).find((job) => job.id === id);
}

/** Until the job has ended; asked to stop, it ends early, and what it wrote stays for the next one. */
async function followed(
  qmp: Qmp,
  id: string,
  path: string,
  watch?: StepOptions,
): Promise<{ error: string | undefined }> {
  const cancel = () => void qmp.execute("job-cancel", { id }).catch(() => undefined);
  if (watch?.signal?.aborted === true) cancel();
  watch?.signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await qmp.until(async () => {
      const job = await jobOf(qmp, id);
      if (!job) return { error: undefined };
      const { status, error, "current-progress": done, "total-progress": total } = job;
      if (total > 0) watch?.onProgress?.({ step: "commit", path, done, total });
      return status === "concluded" ? { error } : undefined;
    });
  } finally {
    watch?.signal?.removeEventListener("abort", cancel);
  }
}

function failed(why: string, path: string, watch?: StepOptions): SnapledgerError {
  if (watch?.signal?.aborted === true) return interrupted("commit", path);
  if (/No space left on device|Disk quota exceeded/.test(why)) return fullDisk(path, { tool: why });
  const message = `QEMU could not fold "${path}" down: ${why}`;
  return new SnapledgerError("DRIVER_FAILED", message, { facts: { path, tool: why } });
}

/** A file that was opened for itself, as an overlay once was, stays open until it is closed for itself. */
async function letGo(qmp: Qmp, { path }: Backing): Promise<void> {
  const node = nodeOf(await blockNodes(qmp), path);
  if (node !== undefined) await qmp.execute("blockdev-del", { "node-name": node });
}
