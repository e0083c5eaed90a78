import { foldAfter } from "./cached-states.ts";
import type { Kept } from "../../commands/context.ts";
import type { DomainId } from "../../events/ids.ts";
import { apply } from "../../projections/domain.ts";
import type { DomainState } from "../../projections/state.ts";
import { forget } from "./session-cache.ts";

/** Reading a large state anew takes as long as many commands do: seldom, but well more than a reader folds by itself. */
export const keptRevisions = 256;

/**
 * For a process that holds the log and runs many commands. A command that failed gives nothing back. Nor is a state kept for long: the
 * next fold from the log's own records leaves the checkpoints that readers and later processes go by.
 */
export function keptStates(): Kept {
  const states = new Map<DomainId, DomainState>();
  const spans = new Map<DomainId, number>();
  const spanOf = ({ revision }: DomainState) => Math.floor(revision / keptRevisions);
  return {
    async take(log, id) {
      const state = states.get(id);
      states.delete(id);
      if (!state) return undefined;
      const records = log.readDomain(id, { fromRevision: state.revision });
      const folded = await foldAfter(state, records, (into, record) => {
        apply(into, record);
        return undefined;
      });
      return folded === undefined ? undefined : state;
    },
    giveBack(state) {
      const { id } = state;
      const fresh = spans.get(id) !== spanOf(state);
      spans.set(id, spanOf(state));
      if (fresh || !state.defined) return;
      states.set(id, state);
      forget(states, (kept) => kept);
    },
  };
}
