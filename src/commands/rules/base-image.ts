import { cliCommand } from "../../errors.ts";
import type { FileFacts } from "../../events/records.ts";
import { isBegun, layerOf, layersOf } from "../../projections/layers.ts";
import type { DomainState, Snapshot } from "../../projections/state.ts";
import type { BaseFacts, Facts } from "./decision.ts";
import { refuse } from "./decision.ts";

/**
 * Whether a merge may rewrite the base images: each is there, writable by its mode bits (root included: a commit as root
 * into a 0444 golden image succeeds), no larger than the snapshot, and has no other user. One disk that fails refuses all
 * disks. Whether they are what the log says, `checkUnchanged` tells.
 */
export function checkBase(state: DomainState, facts: Facts, merged: Snapshot): void {
  checkNoneBegun(state);
  for (const { target, file } of layersOf(state, merged)) {
    const base = facts.bases?.[target];
    if (!base) throw new Error(`no facts of the base image of disk ${target}`);
    checkOne(state, target, base, checkThere(state, target, base.file), file.virtualBytes);
  }
}

/**
 * A base image that holds a part of what was merged before has to get all of it: its fold would wait for this merge's, and
 * links that it has moved would lead past layers that are folded first. A fold that only waits is no obstacle.
 */
function checkNoneBegun(state: DomainState): void {
  for (const target of state.disks) {
    const [base, role] = [state.bases[target], state.baseRoles[target]];
    if (base === undefined || role === undefined || base === role) continue;
    if (!isBegun(state, base, role)) continue;
    const hint = `Let it end first: ${cliCommand("compact", state.name)}.`;
    const message = `An earlier merge of "${state.name}" has changed a part of the base image of disk ${target}, and has not ended.`;
    refuse("COMPACTION_UNFINISHED", message, hint, { target, path: layerOf(state, base).file.path });
  }
}

function checkThere(state: DomainState, target: string, seen: FileFacts | null): FileFacts {
  const { file: logged } = layerOf(state, state.bases[target]);
  const hint = "Put the base image back, with its time of change ('cp -a' keeps it), or keep the snapshot.";
  if (!seen) {
    const message = `The base image of disk ${target} is gone; nothing is below to merge into.`;
    return refuse("NOTHING_BELOW", message, hint, { target, path: logged.path });
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
