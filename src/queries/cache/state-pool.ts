import { foldAfter } from "./cached-states.ts";
import type { StatePool } from "../../commands/context.ts";
import type { DomainId } from "../../events/ids.ts";
import { apply } from "../../projections/domain.ts";
import type { DomainState } from "../../projections/state.ts";
import { Recent } from "./recent.ts";
import { mostKept, sizeOf } from "./session-cache.ts";

/** Reading a large state anew takes as long as many commands do: seldom, but well more than a reader folds by itself. */
export const keptRevisions = 256;

/** In a domain of thousands of snapshots, reading its cached state takes as long as folding so many events for each. */
const revisionsPerSnapshot = 1 / 8;

/**
 * For a process that holds the log and runs many commands. A command that failed releases nothing. Nor is a state kept for long: the
 * next fold from the log's own records leaves the cached states that readers and later processes go by.
 */
export function statePool(): StatePool {
  const states = new Recent<DomainState>(mostKept);
  const spans = new Map<DomainId, number>();
  return {
    async take(log, id) {
      const state = states.take(id);
      if (!state) return undefined;
      const records = log.readDomain(id, { fromRevision: state.revision });
      const folded = await foldAfter(state, records, (into, record) => {
        apply(into, record);
        return undefined;
      });
      return folded === undefined ? undefined : state;
    },
    release(state) {
      const { id } = state;
      const span = spanOf(state);
      const fresh = spans.get(id) !== span;
      spans.set(id, span);
      if (!fresh && state.defined) states.put(id, state, sizeOf(state));
    },
  };
}

function spanOf({ revision, snapshots }: DomainState): number {
  let revisions = keptRevisions;
  while (revisions < snapshots.size * revisionsPerSnapshot) revisions *= 2;
  return Math.floor(revision / revisions);
}
