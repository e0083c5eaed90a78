import type { QueryContext } from "../commands/context.ts";
import { SnapledgerError } from "../errors.ts";
import { noDomain, noPosition } from "../projections/lookups.ts";
import type { DomainId } from "../events/ids.ts";
import type { EventLog, StoredRecord } from "../events/log.ts";
import { definedDomains, domainIdOf, summaries } from "../projections/directory.ts";
import type { Directory } from "../projections/directory.ts";
import { diffStates, isSame } from "../projections/history/diff.ts";
import type { DomainDiff } from "../projections/history/diff.ts";
import { definedAt, domainIdAt, everNamed } from "../projections/names.ts";
import type { DomainSummary } from "../projections/views/info.ts";
import { domainInfo } from "../projections/views/views.ts";
import type { DomainState } from "../projections/state.ts";

/** Questions about now or about any earlier position: the same answer as a log that ends there would give. */

/** A domain's state by name or uuid. Queries that come together find it folded by the first of them; they only read. */
export function foldedOnce({ log, states }: QueryContext): (domain: string, asOf?: AsOf) => Promise<DomainState> {
  const opened = new WeakMap<EventLog, { position: number; folded: Map<string, Promise<DomainState>> }>();
  return (domain, { at } = {}) =>
    log.use(async (open) => {
      const { position } = await open.head();
      await checkPosition(open, at);
      const before = opened.get(open);
      const { folded } = before?.position === position ? before : { folded: new Map<string, Promise<DomainState>>() };
      opened.set(open, { position, folded });
      const key = JSON.stringify([domain, at]);
      const state =
        folded.get(key) ??
        states.directory(open).then((directory) => states.domain(open, idNamed(directory, domain, at), upTo(at)));
      folded.set(key, state);
      return state;
    });
}

/** Of all domains that were defined, by name. */
export async function statesAsOf({ log, states }: QueryContext, { at }: AsOf = {}): Promise<DomainState[]> {
  return log.use(async (open) => {
    await checkPosition(open, at);
    const directory = await states.directory(open);
    const defined = at === undefined ? definedDomains(directory) : definedAt(directory.names, at);
    const found: DomainState[] = [];
    for (const id of defined) found.push(await states.domain(open, id, upTo(at)));
    return found;
  });
}

/** The same domains in the same order: about now by the directory alone. */
export async function summariesAsOf(context: QueryContext, asOf: AsOf = {}): Promise<DomainSummary[]> {
  if (asOf.at !== undefined) return (await statesAsOf(context, asOf)).map(domainInfo);
  return context.log.use(async (open) => summaries(await context.states.directory(open)));
}

/** Of every domain that the log told of by then, or of those that ever had this name or uuid. */
export async function diffAsOf({ log, states }: QueryContext, from: number, to: number, domain?: string) {
  return log.use(async (open): Promise<DomainDiff[]> => {
    for (const at of [from, to]) await checkPosition(open, at);
    const directory = await states.directory(open);
    const asked =
      domain === undefined ? directory.names.map((name) => name.domain) : everNamed(directory.names, domain);
    if (asked.length === 0 && domain !== undefined) asked.push(idNamed(directory, domain));
    const diffs: DomainDiff[] = [];
    for (const id of new Set(asked)) {
      const [before, after] = [await states.domain(open, id, upTo(from)), await states.domain(open, id, upTo(to))];
      diffs.push(diffStates(before, after));
    }
    return diffs.filter((diff) => !isSame(diff));
  });
}

function upTo(at: number | undefined): { upTo?: number } {
  return at === undefined ? {} : { upTo: at };
}

async function checkPosition(log: EventLog, at: number | undefined): Promise<void> {
  if (at === undefined) return;
  const head = await log.head();
  if (at < 1 || at > head.position) throw noPosition(at, head.position);
}

/** DOMAIN_NOT_FOUND, also of one that was not there yet or not any more. */
export function idNamed(directory: Directory, domain: string, at = Infinity): DomainId {
  const id = at === Infinity ? domainIdOf(directory, domain) : domainIdAt(directory.names, domain, at);
  if (id !== undefined) return id;
  throw noDomain(domain, at);
}

/** POSITION_NOT_FOUND. */
export async function storedAt(log: EventLog, position: number): Promise<StoredRecord> {
  for await (const stored of log.read({ from: position, to: position + 1 })) return stored;
  throw noPosition(position, (await log.head()).position);
}

/** The last position whose time is not after this one: times never run backwards, so a few records tell. */
export async function positionAtTime(log: EventLog, time: string): Promise<number> {
  let [before, after] = [0, (await log.head()).position + 1];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if ((await storedAt(log, middle)).record.time <= time) before = middle;
    else after = middle;
  }
  if (before > 0) return before;
  const { record } = await storedAt(log, 1);
  throw new SnapledgerError("POSITION_NOT_FOUND", `The log did not exist at ${time}.`, {
    facts: { time, first: record.time },
    hint: `It begins at ${record.time}.`,
  });
}

/** A question about the past: right after the record at this position. POSITION_NOT_FOUND when there is none. */
export interface AsOf {
  readonly at?: number;
}
