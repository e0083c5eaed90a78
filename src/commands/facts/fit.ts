import type { Driver, Watch } from "../../drivers/driver.ts";
import { unfitImage } from "../../drivers/errors.ts";
import type { Command } from "../../events/command.ts";
import type { Target } from "../../events/ids.ts";
import type { Backing } from "../../events/plan.ts";
import { headOf, layersOf } from "../../projections/layers.ts";
import type { DomainState, Layer } from "../../projections/state.ts";
import { snapshotOf } from "../../projections/tree.ts";
import type { Facts } from "../rules/decision.ts";
import { eachOf } from "./each-of.ts";
import { backingOf, lookAt, needsOperator } from "./links.ts";

/** Whether files can be frozen and written to: nobody else has them open, and their tables are in order. */

/**
 * Rejects with IMAGE_INVALID for an image that a fold must not write to. `qemu-img commit` into stale refcounts
 * overwrites clusters that are in use, and exits 0 (measured).
 */
export async function checkFit(driver: Driver, { path, format }: Backing, watch: Watch): Promise<void> {
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
  command: Command,
  { guest }: Facts,
  watch: Watch,
): Promise<Target[]> {
  const { heads, layers, rewritten } = filesOf(state, command);
  if (guest !== "off") {
    // QEMU has the others open itself.
    for (const layer of rewritten) await checkFit(driver, backingOf(layer), watch);
    return [];
  }
  const frozen = freezes(command);
  const faults = await eachOf([...heads, ...layers, ...rewritten], async (layer) => {
    const isHead = heads.includes(layer);
    const { seen, wrong } = await lookAt(driver, state, layer);
    if (wrong && layer.backing !== null && !isHead) throw needsOperator(state, [wrong]);
    // A file of whatever content can be asked for as raw.
    if (wrong?.kind === "unreadable") await driver.probeLock({ path: layer.file.path, format: "raw" });
    if (!seen) return null;
    if (wrong || !(isHead ? frozen : rewritten.includes(layer))) {
      await driver.probeLock(backingOf(layer));
      return null;
    }
    const fault = await driver.imageFault(backingOf(layer), watch);
    if (fault && (!isHead || !fault.dirty)) throw unfitImage(layer.file.path, fault.why);
    return fault && layer.target;
  });
  return faults.filter((target) => target !== null);
}

/** Whether the command may make layers of the heads. */
function freezes(command: Command): boolean {
  if (command.type === "CreateSnapshot") return true;
  return (command.type === "CreateWithSnapshot" || command.type === "DeactivateSnapshot") && !command.discardChanges;
}

interface Files {
  readonly heads: readonly Layer[];
  readonly layers: readonly Layer[];
  /** Layers that a merge writes over; of base images the rule asks further. */
  readonly rewritten: readonly Layer[];
}

function filesOf(state: DomainState, command: Command): Files {
  const none: Files = { heads: [], layers: [], rewritten: [] };
  const heads = state.disks.map((target) => headOf(state, target));
  switch (command.type) {
    case "CreateSnapshot":
    case "CreateWithSnapshot":
    case "DeactivateSnapshot":
    case "DiscardSnapshot":
    case "StartDomain":
      return { ...none, heads };
    case "UndefineDomain":
      return command.keep === "keep-files" ? none : { ...none, heads };
    case "MergeSnapshot": {
      const id = state.byName.get(command.snapshot);
      if (id === undefined) return none;
      const merged = snapshotOf(state, id);
      const layers = layersOf(state, merged);
      if (merged.parent === null) return { heads, layers, rewritten: [] };
      return { heads, layers, rewritten: layersOf(state, snapshotOf(state, merged.parent)) };
    }
    default:
      return none;
  }
}
