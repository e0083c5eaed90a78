import type { Driver, StepOptions } from "../../drivers/driver.ts";
import { unfitImage } from "../../drivers/errors.ts";
import type { Target } from "../../events/ids.ts";
import type { Backing } from "../../events/plan.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Facts } from "../rules/decision.ts";
import type { Touches } from "../rules/rule.ts";
import { eachOf } from "./each-of.ts";
import { backingOf, inspectLayer, needsOperator } from "./links.ts";

/** Whether files can be frozen and written to: nobody else has them open, and their tables are in order. */

/**
 * Rejects with IMAGE_INVALID for an image that a fold must not write to. `qemu-img commit` into stale refcounts
 * overwrites clusters that are in use, and exits 0 (measured).
 */
export async function checkFit(driver: Driver, { path, format }: Backing, watch: StepOptions): Promise<void> {
  const fault = await driver.imageFault({ path, format }, watch);
  if (fault) throw unfitImage(path, fault.why);
}

/**
 * Asks the files that a command freezes, writes over or re-points for a foreign lock before anything is made
 * (`qemu-img create` would not notice one), and those that it freezes or writes over for their tables. Resolves with the
 * heads that are to be repaired before they are frozen. Rejects with IMAGE_LOCKED; with IMAGE_INVALID for a file that
 * is not fit; with NEEDS_OPERATOR for a layer that is not what the log says. Of heads and base images that are not, the
 * rules tell.
 */
export async function probeFiles(
  driver: Driver,
  state: DomainState,
  { heads = [], freezes = false, layers = [], rewritten = [] }: Touches,
  { guest }: Facts,
  watch: StepOptions,
): Promise<Target[]> {
  if (guest !== "off") {
    // QEMU has the others open itself.
    for (const layer of rewritten) await checkFit(driver, backingOf(layer), watch);
    return [];
  }
  const faults = await eachOf([...heads, ...layers, ...rewritten], async (layer) => {
    const isHead = heads.includes(layer);
    const { seen, wrong } = await inspectLayer(driver, state, layer);
    if (wrong && layer.backing !== null && !isHead) throw needsOperator(state, [wrong]);
    // A file of whatever content can be asked for as raw.
    if (wrong?.kind === "unreadable") await driver.probeLock({ path: layer.file.path, format: "raw" });
    if (!seen) return null;
    if (wrong || !(isHead ? freezes : rewritten.includes(layer))) {
      await driver.probeLock(backingOf(layer));
      return null;
    }
    const fault = await driver.imageFault(backingOf(layer), watch);
    if (fault && (!isHead || !fault.dirty)) throw unfitImage(layer.file.path, fault.why);
    return fault && layer.target;
  });
  return faults.filter((target) => target !== null);
}
