import { layerOf, layersOf } from "../projections/layers.ts";
import type { DomainState, Layer, Snapshot } from "../projections/state.ts";
import type { BaseFacts, Facts } from "./decision.ts";
import { refuse } from "./decision.ts";

/**
 * Whether a merge may rewrite the base images: each is there, writable by its mode bits (root included: a commit as
 * root into a 0444 golden image succeeds), no larger than the snapshot, and has no other user. One disk that fails
 * refuses all disks.
 */
export function checkBase(state: DomainState, facts: Facts, merged: Snapshot): void {
  for (const layer of layersOf(state, merged)) {
    const { target, file } = layer;
    const base = facts.bases?.[target];
    if (!base?.file) {
      const hint = "Put the base image back where the domain was defined on it, or merge into another snapshot.";
      return refuse(
        "NOTHING_BELOW",
        `The base image of disk ${target} is gone; nothing is below to merge into.`,
        hint,
        { target },
      );
    }
    checkOne(state, target, base, base.file, file.virtualBytes);
    checkUnfolded(state, layer);
  }
}

function checkOne(
  state: DomainState,
  target: string,
  { users, writable }: BaseFacts,
  { path, virtualBytes }: NonNullable<BaseFacts["file"]>,
  snapshotBytes: number,
): void {
  const facts = { target, path };
  if (users.length > 0) {
    const hint = `Only its sole user may merge into a base image. Copy it for "${state.name}", or undefine the others.`;
    refuse("BASE_IMAGE_SHARED", `Base image ${path} is also used by ${users.join(", ")}.`, hint, { ...facts, users });
  }
  if (!writable) {
    const hint = "If it may really be rewritten, give its owner the right to write: chmod u+w.";
    refuse("BASE_IMAGE_READ_ONLY", `Base image ${path} is read-only by its mode.`, hint, facts);
  }
  if (virtualBytes > snapshotBytes) {
    const hint = "A base image is never cut. Resize the disk to at least the base's size, and take a new snapshot.";
    const sizes = { baseBytes: virtualBytes, snapshotBytes };
    refuse("BASE_IMAGE_LARGER", `Base image ${path} is larger than the snapshot.`, hint, { ...facts, ...sizes });
  }
}

/** A larger layer that is still to be folded into the base would grow it past the snapshot, and a base is never cut. */
function checkUnfolded(state: DomainState, { target, backing, file: { virtualBytes } }: Layer): void {
  for (let below = backing; below !== null;) {
    const { file, backing: next } = layerOf(state, below);
    below = next;
    if (next === null || file.virtualBytes <= virtualBytes) continue;
    const hint = `Let it end first: 'snapledger compact ${state.name}'.`;
    const sizes = { target, path: file.path, layerBytes: file.virtualBytes, snapshotBytes: virtualBytes };
    refuse(
      "COMPACTION_UNFINISHED",
      `An earlier merge of "${state.name}" has not ended on disk ${target}.`,
      hint,
      sizes,
    );
  }
}
