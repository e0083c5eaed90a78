import type { ErrorCode } from "../../errors.ts";
import type { Command } from "../../events/command.ts";
import type { EventRecord, RecordOf } from "../../events/events.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Accepted, Facts } from "../rules/decision.ts";
import { decide } from "../rules/rules.ts";

/** How a command was decided: taken, or refused by a rule. */
export type Verdict =
  { readonly accepted: true } | { readonly accepted: false; readonly code: ErrorCode; readonly message: string };

export interface Redecided {
  readonly verdict: Verdict;
  /** What it would do; undefined for a refusal. */
  readonly plan: Accepted | undefined;
}

/** A record that holds a decision: the command, what the rule saw, and how it decided. */
export type DecisionRecord = RecordOf<"OperationStarted"> | RecordOf<"CommandRejected">;

export function isDecision(record: EventRecord): record is DecisionRecord {
  return record.type === "OperationStarted" || record.type === "CommandRejected";
}

/** How it was decided then. */
export function verdictOf(record: DecisionRecord): Verdict {
  if (record.type === "OperationStarted") return { accepted: true };
  const { code, message } = record.data;
  return { accepted: false, code, message };
}

/** The ids that the rule was handed, in order; then made-up ones, told apart by what they are made of. */
export function idsOf(record: DecisionRecord): () => string {
  const ids = record.type === "OperationStarted" ? record.data.ids.values() : [].values();
  let made = 0;
  return () => ids.next().value ?? `what-if-${record.position}-${++made}`;
}

/** Decides a command by today's rules, on any state and any facts. Pure: nothing is driven. */
export function decideAgain(state: DomainState, facts: Facts, command: Command, newId: () => string): Redecided {
  if (!state.defined && command.type !== "DefineDomain") {
    const domain = "domain" in command ? command.domain : "";
    const message = `There would be no domain "${domain}".`;
    return { verdict: { accepted: false, code: "DOMAIN_NOT_FOUND", message }, plan: undefined };
  }
  const decision = decide(state, facts, command, { newId });
  if ("accepted" in decision) return { verdict: { accepted: true }, plan: decision.accepted };
  const { code, message } = decision.refused;
  return { verdict: { accepted: false, code, message }, plan: undefined };
}

export function isSameVerdict(one: Verdict, other: Verdict): boolean {
  if (one.accepted || other.accepted) return one.accepted === other.accepted;
  return one.code === other.code;
}
