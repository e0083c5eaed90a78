import type { Command } from "../../events/command.ts";
import type { EventRecord } from "../../events/events.ts";
import { apply } from "../../projections/domain.ts";
import { emptyState } from "../../projections/state.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Facts } from "../rules/decision.ts";
import { decideAgain, idsOf, isDecision, isSameVerdict, verdictOf } from "./decide.ts";
import type { DecisionRecord, Verdict } from "./decide.ts";

/** A recorded command that today's rules decide otherwise, or plan otherwise. */
export interface ChangedDecision {
  readonly position: number;
  readonly command: Command;
  readonly was: Verdict;
  readonly now: Verdict;
  /** Both take it, but what would be done is another thing. */
  readonly planChanged: boolean;
}

/**
 * Every recorded command against the rules of this version, each on the state, facts and ids that it was decided on
 * then: a changed policy tried on history before it is shipped. Takes records in position order.
 */
export class RulesTrial {
  readonly changed: ChangedDecision[] = [];
  decided = 0;
  readonly #states = new Map<string, DomainState>();

  push(record: EventRecord): void {
    if (record.domain === null) return;
    const state = this.#states.get(record.domain) ?? emptyState(record.domain);
    this.#states.set(record.domain, state);
    if (isDecision(record)) this.#try(state, record);
    apply(state, record);
  }

  #try(state: DomainState, record: DecisionRecord): void {
    this.decided++;
    const { command } = record.data;
    // Facts are recorded as plain JSON by the version that gathered them.
    const facts = record.data.facts as unknown as Facts;
    const { verdict: now, plan } = decideAgain(state, facts, command, idsOf(record));
    const was = verdictOf(record);
    const planChanged =
      record.type === "OperationStarted" &&
      plan !== undefined &&
      JSON.stringify(plan.plan) !== JSON.stringify(record.data.plan);
    if (isSameVerdict(was, now) && !planChanged) return;
    this.changed.push({ position: record.position, command, was, now, planChanged });
  }
}
