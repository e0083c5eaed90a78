import type { DiscardSnapshot } from "../../events/command.ts";
import type { Affected, Sets } from "../../events/records.ts";
import { headsOf } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import { descendantsOf, headsRunThrough, nearestActiveAncestor, refOf } from "../../projections/tree.ts";
import type { Facts } from "./decision.ts";
import { namedSnapshot } from "../../projections/views/views.ts";
import { accept } from "./decision.ts";
import { checkHeads, headPaths, headsAffected, headsAreDirty, moveTo, refuseRunning } from "./heads.ts";
import { affectedSnapshot, filesOf, refuseIfLost } from "./affected.ts";
import type { CommandRule } from "./rule.ts";

/**
 * DISCARD, DISCARD_FORCE: "it deletes the snapshot. Note that if other snapshots would be discarded because of this
 * delete action, this operation will fail" (the RFC), unless forced. Heads on what goes move to the nearest active
 * ancestor, or the base images.
 */
export const discardSnapshot: CommandRule<DiscardSnapshot> = {
  permit(state, facts, command) {
    const { force, discardChanges } = command;
    const { snapshot, through, orphaned } = effectOf(state, facts, command);
    if (!force && !discardChanges) checkHeads(state, facts);
    refuseIfLost(orphaned, command, {
      ...{ subject: `Discarding "${snapshot.name}"`, code: "DISCARD_WOULD_ORPHAN" },
      force: "--mergedelete (the RFC's name; also --discard-force)",
      facts: { snapshot: snapshot.name },
    });
    if (through && facts.guest !== "off") refuseRunning(state, `its heads stand on "${snapshot.name}"`);
  },
  decide(state, facts, command, ids) {
    const { snapshot, below, through, lostHeads, orphaned } = effectOf(state, facts, command);
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
  },
  touches: (state) => ({ heads: headsOf(state) }),
};

function effectOf(state: DomainState, facts: Facts, command: DiscardSnapshot) {
  const snapshot = namedSnapshot(state, command.snapshot);
  const below = descendantsOf(state, snapshot.id);
  const through = headsRunThrough(state, snapshot.id);
  const lostHeads: Affected[] = through && headsAreDirty(state, facts) ? [headsAffected(state, facts)] : [];
  const orphaned = [...below.map((one) => affectedSnapshot(state, one)), ...lostHeads];
  return { snapshot, below, through, lostHeads, orphaned };
}
