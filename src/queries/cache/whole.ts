import { damaged } from "../../events/damage.ts";
import type { DomainId } from "../../events/ids.ts";
import type { Directory } from "../../projections/directory.ts";
import type { DomainState } from "../../projections/state.ts";

/**
 * The domain's index is one way to its records, the directory another: each tells what the other has lost. The directory
 * was read first; others may append before the state is. LOG_DAMAGED.
 */
export async function readWhole(
  { domains, position: at }: Directory,
  id: DomainId,
  read: () => Promise<DomainState>,
): Promise<DomainState> {
  // Taken now: a directory that is kept grows meanwhile.
  const listed = domains.get(id)?.revision ?? 0;
  const state = await read();
  const { revision, position } = state;
  if (revision === listed || (revision > listed && position > at)) return state;
  throw damaged(
    position + 1,
    `revision ${revision + 1} of domain ${id} is not found by its index, but ${listed} is there`,
  );
}
