import type { Warning } from "../request.ts";
import { depthOf, headOf } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import { refuse } from "./decision.ts";

/** What a domain may grow to, and from where it is warned of. Sources: reference measurements of libvirt 9.0. */
export const domainLimits = {
  /** libvirt cannot boot a chain of 200 files; 150 leaves room for what others put below. */
  chainLayers: 150,
  chainLayersWarn: 50,
  /** libvirt's clients refuse longer lists. */
  snapshots: 16_384,
  snapshotsWarn: 10_000,
} as const;

/** Whether one snapshot more may be made of the heads: asked before anything is made, of an autosave too. */
export function checkLimits(state: DomainState): void {
  checkSnapshotCount(state);
  for (const target of state.disks) checkDepth(state, target);
}

/** What is said when a snapshot of the heads brings the domain near its limits. */
export function limitWarnings(state: DomainState): Warning[] {
  const warnings: Warning[] = [];
  const depth = Math.max(...state.disks.map((target) => depthOf(state, headOf(state, target).id)));
  if (depth >= domainLimits.chainLayersWarn) {
    const message = `The heads of "${state.name}" stand on ${depth} layers; past ${domainLimits.chainLayers} is refused.`;
    warnings.push({ code: "CHAIN_DEEP", message, hint: "Merge snapshots to shorten the chain." });
  }
  const count = state.snapshots.size + 1;
  if (count >= domainLimits.snapshotsWarn) {
    const message = `"${state.name}" has ${count} snapshots; past ${domainLimits.snapshots} is refused.`;
    warnings.push({ code: "MANY_SNAPSHOTS", message, hint: "Merge or discard some." });
  }
  return warnings;
}

function checkSnapshotCount(state: DomainState): void {
  if (state.snapshots.size < domainLimits.snapshots) return;
  refuse(
    "TOO_MANY_SNAPSHOTS",
    `Domain "${state.name}" has ${state.snapshots.size} snapshots, the most a domain may have.`,
    "Merge or discard some first.",
    { snapshots: state.snapshots.size, limit: domainLimits.snapshots },
  );
}

/** The head becomes a layer: it counts, and so do anonymous layers that are not folded yet. */
function checkDepth(state: DomainState, target: string): void {
  const depth = depthOf(state, headOf(state, target).id);
  if (depth <= domainLimits.chainLayers) return;
  refuse(
    "CHAIN_TOO_DEEP",
    `Disk ${target} of "${state.name}" would stand on ${depth} layers; ${domainLimits.chainLayers} is the most.`,
    "Merge snapshots to shorten the chain, or start from an older one; unsaved changes then need --discard-changes.",
    { target, layers: depth, limit: domainLimits.chainLayers },
  );
}
