import { idNamed } from "./at-position.ts";
import type { QueryContext } from "../commands/context.ts";
import { cliCommand, SnapledgerError } from "../errors.ts";
import type { DomainId } from "../events/ids.ts";
import type { EventLog, StoredRecord } from "../events/log.ts";
import { parseCondition } from "../projections/condition/parse.ts";
import type { Condition } from "../projections/condition/parse.ts";
import { everNamed } from "../projections/names.ts";
import type { EventRecord } from "../events/events.ts";

/**
 * The first event of a domain after which a condition holds, by halving: log2 folds, each from the nearest cached state,
 * each opening the log for itself. What came and went several times is found at one of the times that it came.
 */
export async function bisect(context: QueryContext, domain: string, text: string, until?: number): Promise<Bisection> {
  const condition = parseCondition(text);
  if (condition.ofEvent) throw eventAsked(text);
  const { id, revision: last } = await context.log.use((open) => rangeOf(open, context, domain, until));
  const trial = new Trial(context, id, condition);
  if (last === 0 || !(await trial.holdsAt(last))) throw doesNotHold(domain, text, until);
  let [before, after] = [0, last];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (await trial.holdsAt(middle)) after = middle;
    else before = middle;
  }
  const { record } = await context.log.use((open) => atRevision(open, id, after));
  return { position: record.position, revision: after, folds: trial.folds, events: last, record };
}

class Trial {
  folds = 0;
  readonly #context: QueryContext;
  readonly #id: DomainId;
  readonly #condition: Condition;

  constructor(context: QueryContext, id: DomainId, condition: Condition) {
    this.#context = context;
    this.#id = id;
    this.#condition = condition;
  }

  async holdsAt(revision: number): Promise<boolean> {
    this.folds++;
    const state = await this.#context.log.use(async (open) => {
      const { record } = await atRevision(open, this.#id, revision);
      return this.#context.states.domain(open, this.#id, { upTo: record.position });
    });
    return this.#condition.holds({ state, event: null });
  }
}

async function atRevision(log: EventLog, id: DomainId, revision: number): Promise<StoredRecord> {
  for await (const stored of log.readDomain(id, { fromRevision: revision })) return stored;
  throw new Error(`domain ${id} has no revision ${revision}`);
}

/** A domain that has or had this name, and its last revision up to a position. */
async function rangeOf(log: EventLog, { states }: QueryContext, domain: string, until: number | undefined) {
  const directory = await states.directory(log);
  const id = everNamed(directory.names, domain).at(-1) ?? idNamed(directory, domain);
  if (until === undefined) return { id, revision: await log.revision(id) };
  return { id, revision: (await states.domain(log, id, { upTo: until })).revision };
}

function eventAsked(text: string): SnapledgerError {
  const at = text.search(/\bevent\b/);
  const message = `At column ${at + 1} of the condition: halving asks about states, not about the events between.`;
  return new SnapledgerError("INVALID_CONDITION", message, {
    facts: { condition: text, column: at + 1 },
    hint: "Look for events with `snapledger log` (--type, --actor, --grep), or step to one with `snapledger replay`.",
  });
}

function doesNotHold(domain: string, text: string, until: number | undefined): SnapledgerError {
  const when = until === undefined ? "at the end of the log" : `at position ${until}`;
  return new SnapledgerError("POSITION_NOT_FOUND", `It does not hold for "${domain}" ${when}: ${text}`, {
    facts: { domain, condition: text, until: until ?? null },
    hint: `Give --until a moment at which it held, or look at every event: ${cliCommand("replay", domain, "--script", "run CONDITION")}.`,
  });
}

export interface Bisection {
  readonly position: number;
  readonly revision: number;
  /** How many states were looked at, and of how many. */
  readonly folds: number;
  readonly events: number;
  readonly record: EventRecord;
}
