import { dirname } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import type { Backing } from "../../events/plan.ts";
import type { CommitStep, StepOptions } from "../driver.ts";
import { notALayer, readOnlyImage, unfitImage, wrongLink } from "../errors.ts";
import type { Checks } from "./check.ts";
import { tailOf, wouldShow } from "./compare.ts";
import type { Extent } from "./compare.ts";
import { assertPlainPath, discardDraft, statOf, syncFile, removeIfThere } from "./files.ts";
import { imageAt } from "./image.ts";
import { probeLock } from "./inspect.ts";
import { isBackedBy } from "./make.ts";
import type { QemuImg } from "./tool.ts";

export interface Tools {
  readonly tool: QemuImg;
  readonly io: QemuImg;
  readonly checks: Checks;
}

/** What changes files after an event. Each may be killed at any instant and is then simply run again. */

export async function commit(tools: Tools, { from, into, end }: CommitStep, watch?: StepOptions): Promise<void> {
  const { tool } = tools;
  const layer = imageAt(from);
  const target = imageAt(into);
  // Named a file outside the chain, the tool refuses by itself (measured); named one further down, it would obey.
  if (!isBackedBy(layer, into)) throw wrongLink(from.path, layer.backing, into.path);
  // The tool run by root would not care about the mode (measured).
  if (!target.writable) throw readOnlyImage(into.path);
  // The tool shares a raw target with other writers (measured): it has to be asked.
  if (into.format === "raw") await probeLock(tool, into);
  await writeZeros(tools, from, await wouldShow(from, into, end), watch);
  // -d: the layer keeps its content; its dependents read it until they are re-pointed.
  await tool.run(["commit", "-p", "-d", "-f", from.format, "-b", into.path, from.path], {
    path: from.path,
    paths: [into.path],
    step: "commit",
    watch,
  });
  await syncFile(into.path);
}

/**
 * Zeros that the file reads as already, at extents that it does not hold itself or that nobody reads. A file with stale
 * tables is not written to.
 */
async function writeZeros(tools: Tools, file: Backing, extents: readonly Extent[], watch?: StepOptions): Promise<void> {
  if (extents.length === 0) return;
  const fault = await tools.checks.fault(tools.tool, file, watch, { unlessKnownSound: true });
  if (fault) throw unfitImage(file.path, fault.why);
  for (let i = 0; i < extents.length; i += extentsAtOnce) {
    const writes = extents
      .slice(i, i + extentsAtOnce)
      .flatMap(({ start, end }) => ["-c", `write -z ${start} ${end - start}`]);
    await tools.io.run(["-f", file.format, ...writes, file.path], { path: file.path, watch });
  }
  await syncFile(file.path);
}

/** As arguments of one call. */
const extentsAtOnce = 1000;

export async function shrink(tools: Tools, file: Backing, virtualBytes: number, watch?: StepOptions): Promise<void> {
  const { tool } = tools;
  const { facts } = imageAt(ours(file));
  if (facts.virtualBytes > virtualBytes) {
    const tail = await tailOf(file, virtualBytes);
    if (tail) await writeZeros(tools, file, [tail], watch);
    const args = ["resize", "--shrink", "-f", file.format, file.path, String(virtualBytes)];
    await tool.run(args, { path: file.path, watch });
  }
  await syncFile(file.path);
}

export async function repoint(tool: QemuImg, file: Backing, backing: Backing, watch?: StepOptions): Promise<void> {
  const image = imageAt(ours(file));
  imageAt(backing);
  if (!isBackedBy(image, backing)) {
    await tool.run(["rebase", "-u", "-f", file.format, "-b", backing.path, "-F", backing.format, file.path], {
      path: file.path,
      paths: [backing.path],
      watch,
    });
    const after = imageAt(file);
    if (!isBackedBy(after, backing)) throw wrongLink(file.path, after.backing, backing.path);
  }
  await syncFile(file.path);
}

export async function repairLeaks({ tool, checks }: Tools, file: Backing, watch?: StepOptions): Promise<void> {
  imageAt(file);
  if (file.format === "raw") return;
  // 2: errors other than leaks; 3: leaks it could not free, which waste space and nothing else.
  const { exitCode, output } = await tool.run(["check", "-r", "leaks", "-f", file.format, "--output=json", file.path], {
    path: file.path,
    accept: [0, 2, 3],
    watch,
  });
  if (exitCode === 2) {
    throw new SnapledgerError("NEEDS_OPERATOR", `The layer "${file.path}" has errors in its cluster tables.`, {
      facts: { path: file.path, tool: output },
      hint: "Look at it with `qemu-img check`, on a copy; no snapshot was renamed or removed.",
    });
  }
  await syncFile(file.path);
  checks.passed(file);
}

/** Also takes the unfinished file that a killed step of the same layer left. */
export async function remove(tool: QemuImg, path: string): Promise<void> {
  assertPlainPath(path);
  if (statOf(dirname(path)) === undefined) return;
  if (statOf(path) !== undefined) {
    // Unlinking heeds no lock: a guest would go on writing to a file that nobody finds again.
    await probeLock(tool, { path, format: "raw" });
    await removeIfThere(path);
  }
  await discardDraft(path);
}

function ours(file: Backing): Backing {
  if (file.format === "qcow2") return file;
  throw notALayer(file.path);
}
