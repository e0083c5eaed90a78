import { ours } from "../hints.ts";
import type { FileFacts } from "../events/records.ts";
import { layerOf, layersOf } from "../projections/layers.ts";
import type { DomainState, Layer, Snapshot } from "../projections/state.ts";
import type { BaseFacts, Facts } from "./decision.ts";
import { refuse } from "./decision.ts";
import { isLoggedFile, differences } from "./logged-file.ts";

/**
 * Whether a merge may rewrite the base images: each is there, still the file that the log knows, writable by its mode
 * bits (root included: a commit as root into a 0444 golden image succeeds), no larger than the snapshot, and has no
 * other user. One disk that fails refuses all disks.
 */
export function checkBase(state: DomainState, facts: Facts, merged: Snapshot): void {
  for (const layer of layersOf(state, merged)) {
    const { target, file } = layer;
    const base = facts.bases?.[target];
    if (!base) throw new Error(`no facts of the base image of disk ${target}`);
    checkOne(state, target, base, checkThere(state, target, base.file), file.virtualBytes);
    checkUnfolded(state, layer);
  }
}

/** A file that was put in the base's place since is nobody's base: its fold would be stopped, and wait for ever. */
function checkThere(state: DomainState, target: string, seen: FileFacts | null): FileFacts {
  const { file: logged } = layerOf(state, state.bases[target]);
  const hint = "Put the base image back, with its time of change ('cp -a' keeps it), or keep the snapshot.";
  if (!seen) {
    const message = `The base image of disk ${target} is gone; nothing is below to merge into.`;
    return refuse("NOTHING_BELOW", message, hint, { target, path: logged.path });
  }
  if (!isLoggedFile(logged, seen)) {
    const message = `${logged.path} is another file than the base image of disk ${target}: it differs in ${differences(logged, seen)}.`;
    return refuse("NOTHING_BELOW", message, hint, { target, path: logged.path, logged, seen });
  }
  return seen;
}

function checkOne(
  state: DomainState,
  target: string,
  { users, writable }: BaseFacts,
  { path, virtualBytes }: FileFacts,
  snapshotBytes: number,
): void {
  const facts = { target, path };
  if (users.length > 0) {
    const hint = `Only its sole user may merge into a base image. Copy it for "${state.name}", or undefine the others; files that undefine left count until they are removed.`;
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
    const hint = `Let it end first: ${ours("compact", state.name)}.`;
    const sizes = { target, path: file.path, layerBytes: file.virtualBytes, snapshotBytes: virtualBytes };
    refuse(
      "COMPACTION_UNFINISHED",
      `An earlier merge of "${state.name}" has not ended on disk ${target}.`,
      hint,
      sizes,
    );
  }
}
