import type { DeactivateSnapshot } from "../../events/command.ts";
import { headsOf } from "../../projections/layers.ts";
import { headsRunThrough, nearestActiveAncestor, refOf } from "../../projections/tree.ts";
import { namedSnapshot } from "../../projections/views/views.ts";
import { accept } from "./decision.ts";
import { refuseRunning } from "./heads.ts";
import { leaveHeads, permitLeaving } from "./leave-heads.ts";
import type { CommandRule } from "./rule.ts";

/**
 * virDomainSnapshotDeactivate without flags: "the snapshot is not used anymore, but also not removed". Heads whose
 * chain runs through it go to its nearest active ancestor, or the base images.
 */
export const deactivateSnapshot: CommandRule<DeactivateSnapshot> = {
  permit(state, facts, command) {
    const { id, name } = namedSnapshot(state, command.snapshot);
    if (!headsRunThrough(state, id)) return;
    if (facts.guest !== "off") refuseRunning(state, `its heads stand on "${name}"`);
    permitLeaving(state, facts, command);
  },
  decide(state, facts, command, ids) {
    const snapshot = namedSnapshot(state, command.snapshot);
    if (!headsRunThrough(state, snapshot.id)) {
      const data = { snapshot: refOf(snapshot), moved: null, autosave: null, destroyed: [] };
      return accept({}, () => ({ type: "SnapshotDeactivated", schema: 1, data }));
    }
    const { parts, left, moved } = leaveHeads(state, facts, command, nearestActiveAncestor(state, snapshot.id), ids);
    return accept(parts, (made) => ({
      type: "SnapshotDeactivated",
      schema: 1,
      data: { snapshot: refOf(snapshot), moved: moved(made), ...left(made) },
    }));
  },
  touches: (state, { discardChanges }) => ({ heads: headsOf(state), freezes: !discardChanges }),
};
