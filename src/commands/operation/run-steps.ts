import { SnapledgerError } from "../../errors.ts";
import type { StepOptions } from "../../drivers/driver.ts";
import type { LayerId } from "../../events/ids.ts";
import type { Plan } from "../../events/plan.ts";
import type { FileFacts, MemoryFile } from "../../events/records.ts";
import { headOf } from "../../projections/layers.ts";
import type { StepResults } from "../rules/decision.ts";
import { checkNotInterrupted } from "./interrupt.ts";
import { backingOf, missingFiles } from "../facts/links.ts";
import type { Operation } from "../context.ts";

/** Runs a plan's steps in order; resolves with what they made. */
export async function runSteps(operation: Operation, plan: Plan, watch: StepOptions): Promise<StepResults> {
  const { driver, state } = operation;
  const files = new Map<LayerId, FileFacts>();
  let memory: MemoryFile | null = null;
  for (const { target, path } of plan.repairs ?? []) {
    checkNotInterrupted(watch.signal);
    files.set(headOf(state, target).id, await driver.repairImage({ path, format: "qcow2" }, watch));
  }
  for (const step of plan.steps) {
    checkNotInterrupted(watch.signal);
    if (step.step === "overlay") files.set(step.layer, await driver.makeOverlay(step, watch));
    else if (step.step === "compress") files.set(step.layer, await driver.compressLayer(step, watch));
    else memory = await driver.freeze(state.id, step, watch);
  }
  return observeFrozen(operation, plan, { files, memory });
}

/** A guest went on writing until it was frozen: its layers are described as they are from then on. */
export async function observeFrozen({ driver, state }: Operation, plan: Plan, made: StepResults): Promise<StepResults> {
  if (!plan.steps.some(({ step }) => step === "freeze")) return made;
  const files = new Map(made.files);
  for (const target of state.disks) {
    const head = headOf(state, target);
    const seen = await driver.observe(backingOf(head));
    if (!seen) throw missingFiles(state, [head.file.path]);
    files.set(head.id, seen.facts);
  }
  return { ...made, files };
}

/**
 * What the steps of a dead operation made, as it is found now. How long an overlay was when it was made is not known any
 * more, and the guest that was moved to it may have written since: as 0 bytes it counts as dirty from the start.
 */
export async function stepResultsFromDisk({ driver, state }: Operation, { steps }: Plan): Promise<StepResults> {
  const files = new Map<LayerId, FileFacts>();
  let memory: MemoryFile | null = null;
  for (const step of steps) {
    if (step.step === "freeze") {
      const seen =
        step.memoryPath === null ? undefined : await driver.observe({ path: step.memoryPath, format: "raw" });
      const compression = step.memoryCompression;
      memory = seen ? { path: seen.facts.path, bytes: seen.facts.bytes, ...(compression && { compression }) } : null;
      continue;
    }
    const seen = await driver.observe({ path: step.path, format: "qcow2" });
    if (!seen) throw missingFiles(state, [step.path]);
    files.set(step.layer, { ...seen.facts, bytes: 0 });
  }
  return { files, memory };
}

/** Space is looked at before anything is made: a full disk half-way helps nobody. */
export async function checkSpace({ driver, state }: Operation, { spaceBytes, folds }: Plan): Promise<void> {
  if (spaceBytes === 0) return;
  const folders = new Set([state.layersFolder, ...folds.map(({ into }) => into.slice(0, into.lastIndexOf("/") || 1))]);
  for (const folder of folders) {
    const freeBytes = await driver.freeBytes(folder);
    if (freeBytes >= spaceBytes) continue;
    const message = `This may need ${spaceBytes} bytes in ${folder}, where ${freeBytes} are free.`;
    const hint = "Free some space there and run the same command again. Nothing was changed.";
    throw new SnapledgerError("DISK_FULL", message, { facts: { folder, neededBytes: spaceBytes, freeBytes }, hint });
  }
}
