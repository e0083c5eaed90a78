import type { DiscardSnapshot } from "../../events/command.ts";
import type { Affected, Sets } from "../../events/records.ts";
import type { DomainState, Snapshot } from "../../projections/state.ts";
import { descendantsOf, headsRunThrough, nearestActiveAncestor, refOf } from "../../projections/tree.ts";
import type { Accepted, Facts, Ids } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import { checkHeads, headPaths, headsAffected, headsAreDirty, moveTo, named, refuseRunning } from "./heads.ts";
import { affectedSnapshot, filesOf, hintToLose, listAffected, orphanFacts } from "./affected.ts";

/**
 * DISCARD, DISCARD_FORCE: "it deletes the snapshot. Note that if other snapshots would be discarded because of this
 * delete action, this operation will fail" (the RFC), unless forced. Heads on what goes move to the nearest active
 * ancestor, or the base images.
 */
export function discardSnapshot(state: DomainState, facts: Facts, command: DiscardSnapshot, ids: Ids): Accepted {
  const snapshot = named(state, command.snapshot);
  const below = descendantsOf(state, snapshot.id);
  const through = headsRunThrough(state, snapshot.id);
  if (!command.force && !command.discardChanges) checkHeads(state, facts);
  const lostHeads: Affected[] = through && headsAreDirty(state, facts) ? [headsAffected(state, facts)] : [];
  const orphaned = [...below.map((one) => affectedSnapshot(state, one)), ...lostHeads];
  checkOrphans(snapshot, orphaned, command);
  if (through && facts.guest !== "off") refuseRunning(state, `its heads stand on "${snapshot.name}"`);
  const discarded = [snapshot, ...below];
  const sets: Sets = {
    rewritten: [],
    orphaned,
    reparented: through && lostHeads.length === 0 ? [headsAffected(state, facts)] : [],
    destroyed: [affectedSnapshot(state, snapshot)],
  };
  const move = through ? moveTo(state, nearestActiveAncestor(state, snapshot.id), ids) : null;
  const removes = [...(move ? headPaths(state) : []), ...filesOf(state, discarded)];
  return accept({ steps: move?.steps ?? [], sets, removes }, (made) => ({
    type: "SnapshotDiscarded",
    schema: 1,
    data: { snapshot: refOf(snapshot), discarded: discarded.map(refOf), sets, moved: move?.moved(made) ?? null },
  }));
}

function checkOrphans(
  snapshot: Snapshot,
  orphaned: Sets["orphaned"],
  { force, discardChanges }: DiscardSnapshot,
): void {
  const lost = orphaned.filter((one) => !(discardChanges && one.kind === "heads"));
  if (force || lost.length === 0) return;
  refuse(
    "DISCARD_WOULD_ORPHAN",
    `Discarding "${snapshot.name}" would destroy ${listAffected(lost)}.`,
    hintToLose(lost, "--mergedelete (the RFC's name; also --discard-force)"),
    { snapshot: snapshot.name, ...orphanFacts(lost) },
  );
}
