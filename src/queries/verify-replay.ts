import { nothingCached, readDirectory, readDomainState, readFiles } from "./cache/cached-states.ts";
import type { QueryContext } from "../commands/context.ts";
import { sha256 } from "../events/hash.ts";
import type { DomainId } from "../events/ids.ts";
import type { EventLog } from "../events/log.ts";
import { olderDistance } from "./cache/older-states.ts";
import { canonicalText } from "../projections/replay/canonical.ts";
import { compare } from "../projections/replay/compare.ts";
import { knownDomains } from "../projections/directory.ts";
import { apply } from "../projections/domain.ts";
import { emptyState } from "../projections/state.ts";
import type { DomainState } from "../projections/state.ts";
import type { Difference } from "../projections/replay/compare.ts";

/** More of them say no more. */
const shownDifferences = 5;

/**
 * Folds every domain and the directory twice, from the first event and from the cached states, and compares them at
 * each cached state and at the end. Changes nothing but, as all reading, the cached states.
 */
export async function verifyReplay({ log, states }: QueryContext): Promise<ReplayVerdict> {
  const ids = await log.use(async (open) => knownDomains(await readDirectory(open, nothingCached)));
  const domains: ReplayVerdict["domains"][number][] = [];
  for (const id of ids) {
    const found = await log.use((open) => replayDomain(open, states, id));
    if ("differs" in found) return { ok: false, domains, differs: found.differs };
    domains.push(found);
  }
  const differs = await log.use(async (open): Promise<ReplayDifference | null> => {
    const zero = await readDirectory(open, nothingCached);
    const differences = [
      ...compare(zero, await states.directory(open)),
      ...compare(await readFiles(open, nothingCached), await states.files(open)),
    ].slice(0, shownDifferences);
    return differences.length === 0 ? null : { domain: null, position: zero.position, revision: null, differences };
  });
  return { ok: differs === null, domains, differs };
}

type ReplayedDomain = ReplayVerdict["domains"][number];

async function replayDomain(
  log: EventLog,
  states: QueryContext["states"],
  id: DomainId,
): Promise<ReplayedDomain | { readonly differs: ReplayDifference }> {
  const distance = olderDistance(await states.domain(log, id));
  const zero = emptyState(id);
  let compared = 0;
  let same = 0;
  const isSame = async (): Promise<boolean> => {
    compared++;
    const other = await states.domain(log, id, { upTo: zero.position });
    return hashOf(zero) === hashOf(other);
  };
  for await (const { record } of log.readDomain(id)) {
    apply(zero, record);
    if (zero.revision % distance !== 0) continue;
    if (!(await isSame())) return { differs: await firstDifference(log, states, id, same, zero.revision) };
    same = zero.revision;
  }
  if (!(await isSame())) return { differs: await firstDifference(log, states, id, same, zero.revision) };
  const { name, revision } = zero;
  return { id, name, revision, compared, hash: `sha256:${hashOf(zero)}` };
}

/** Both folds agree after revision `same` and differ after `different`: halving finds the first event after which. */
async function firstDifference(
  log: EventLog,
  states: QueryContext["states"],
  id: DomainId,
  same: number,
  different: number,
): Promise<ReplayDifference> {
  let [before, after] = [same, different];
  const at = async (revision: number) => {
    const upTo = await positionOf(log, id, revision);
    const [zero, other] = [
      await readDomainState(log, id, nothingCached, { upTo }),
      await states.domain(log, id, { upTo }),
    ];
    return { upTo, differences: compare(zero, other) };
  };
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if ((await at(middle)).differences.length === 0) before = middle;
    else after = middle;
  }
  const { upTo, differences } = await at(after);
  return { domain: id, position: upTo, revision: after, differences: differences.slice(0, shownDifferences) };
}

async function positionOf(log: EventLog, id: DomainId, revision: number): Promise<number> {
  for await (const { record } of log.readDomain(id, { fromRevision: revision })) return record.position;
  throw new Error(`domain ${id} has no revision ${revision}`);
}

function hashOf(state: DomainState): string {
  return sha256(canonicalText(state));
}

/** Whether folding twice, from the first event and from cached states, gives the same. */
export interface ReplayVerdict {
  readonly ok: boolean;
  /** Domains that do, how often they were compared, and the hash of their state. */
  readonly domains: readonly {
    readonly id: DomainId;
    readonly name: string;
    readonly revision: number;
    readonly compared: number;
    readonly hash: string;
  }[];
  readonly differs: ReplayDifference | null;
}

/** The first event after which two folds differ, and where. `domain` null: the directory. */
export interface ReplayDifference {
  readonly domain: DomainId | null;
  readonly position: number;
  readonly revision: number | null;
  readonly differences: readonly Difference[];
}
