import { SnapledgerError } from "../../errors.ts";
import type { Command } from "../../events/command.ts";
import type { DomainEvent, EventRecord, RecordOf } from "../../events/events.ts";
import type { DomainId, OperationId } from "../../events/ids.ts";
import { apply } from "../../projections/domain.ts";
import { anonymous, garbage, layerOf, pendingFolds } from "../../projections/layers.ts";
import type { Fold } from "../../projections/layers.ts";
import { emptyState } from "../../projections/state.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Accepted, Facts } from "../rules/decision.ts";
import { decideAgain, idsOf, isDecision, isSameVerdict, verdictOf } from "./decide.ts";
import type { DecisionRecord, Verdict } from "./decide.ts";
import { OtherFacts } from "./facts.ts";
import { madeBy } from "./step-results.ts";

/** What is to be different. Positions are of any record of an operation. */
export interface Supposition {
  /** Operations that did not happen. */
  readonly skip?: readonly number[];
  /** Commands that were given with force. */
  readonly force?: readonly number[];
  /** Commands that were given right after a position; DOMAIN_NOT_FOUND when their domain is not defined then. */
  readonly insert?: readonly { readonly after: number; readonly command: Command }[];
}

/** A command whose decision would have been another. `was` is null for one that was never given. */
export interface Flip {
  readonly position: number;
  readonly domain: DomainId;
  readonly command: Command;
  readonly was: Verdict | null;
  readonly now: Verdict;
}

/** One domain as it is and as it would be. */
export interface Outcomes {
  readonly actual: DomainState;
  readonly other: DomainState;
  readonly facts: OtherFacts;
}

/** An operation that is under way in the other history. */
interface Pending {
  readonly accepted: Accepted;
  done: boolean;
}

/**
 * The same commands in another history: rules and folds again, in memory, on the recorded commands, facts and ids.
 * Takes the log's records in position order, from the first; nothing is driven, and the store is not touched.
 */
export class WhatIf {
  readonly flips: Flip[] = [];
  /** Records of operations that were left out. */
  readonly skipped: EventRecord[] = [];
  readonly domains = new Map<DomainId, Outcomes>();
  readonly #supposed: Supposition;
  readonly #leftOut: ReadonlySet<OperationId>;
  readonly #pending = new Map<OperationId, Pending>();
  #lastFacts: Facts | undefined;

  /** `leftOut`: the ids of the operations at `skip`, whose records may lie before those positions. */
  constructor(supposed: Supposition, leftOut: ReadonlySet<OperationId>) {
    this.#supposed = supposed;
    this.#leftOut = leftOut;
  }

  push(record: EventRecord): void {
    if (record.domain !== null) this.#follow(record, this.#domain(record.domain));
    for (const { after, command } of this.#supposed.insert ?? [])
      if (after === record.position) this.#insert(record, command);
  }

  #domain(id: DomainId): Outcomes {
    const known = this.domains.get(id);
    if (known) return known;
    const fresh = { actual: emptyState(id), other: emptyState(id), facts: new OtherFacts() };
    this.domains.set(id, fresh);
    return fresh;
  }

  #follow(record: EventRecord, domain: Outcomes): void {
    const leftOut = record.operation !== null && this.#leftOut.has(record.operation);
    if (leftOut) this.skipped.push(record);
    if (isDecision(record)) this.#decide(record, domain, leftOut);
    else if (!leftOut) this.#happen(record, domain);
    apply(domain.actual, record);
  }

  #decide(record: DecisionRecord, domain: Outcomes, leftOut: boolean): void {
    const { actual, other, facts } = domain;
    const seen = record.data.facts as unknown as Facts;
    this.#lastFacts = seen;
    facts.note(actual, other, seen);
    if (leftOut) return;
    // What had been folded by then is folded here too, whatever it was.
    if (anonymous(actual).length === 0 && anonymous(other).length > 0) settle(other, record);
    const command = this.#forced(record);
    const then = facts.of(actual, other, seen, this.#taken(command));
    const { verdict, plan } = decideAgain(other, then, command, idsOf(record));
    const was = verdictOf(record);
    if (!isSameVerdict(was, verdict)) {
      this.flips.push({ position: record.position, domain: actual.id, command, was, now: verdict });
    }
    if (!plan) return;
    if (was.accepted && record.operation !== null) this.#pending.set(record.operation, { accepted: plan, done: false });
    else carryOut(other, record, plan);
  }

  #forced({ position, data: { command } }: DecisionRecord): Command {
    const forced = this.#supposed.force?.includes(position) ?? false;
    return forced && "force" in command ? { ...command, force: true } : command;
  }

  /** The name of the other domain that would have this name, or this uuid, already. */
  #taken(command: Command): string | null {
    if (command.type !== "DefineDomain") return null;
    const others = [...this.domains.values()].map(({ other }) => other).filter(({ defined }) => defined);
    return others.find(({ id, name }) => name === command.name || id === command.uuid)?.name ?? null;
  }

  /** What followed a decision: it happens here too if it would have been decided so, and to what is here then. */
  #happen(record: EventRecord, { other }: Outcomes): void {
    switch (record.type) {
      case "LayersCompacted":
        return foldLike(other, record);
      case "LayersRemoved":
        return removeGarbage(other, record);
      case "DomainStopped":
        if (other.guest !== "off") apply(other, record);
        return;
      case "OperationFailed":
        if (record.operation !== null) this.#pending.delete(record.operation);
        return;
      default:
        return this.#outcome(record, other);
    }
  }

  #outcome(record: EventRecord, other: DomainState): void {
    const pending = record.operation === null ? undefined : this.#pending.get(record.operation);
    if (!pending) return;
    // The first event is the rule's own; what follows in the same operation (a start after a move) is as it was.
    if (pending.done) apply(other, record);
    else apply(other, asRecord(record, pending.accepted.outcome(madeBy(pending.accepted.plan, record))));
    pending.done = true;
  }

  #insert(record: EventRecord, command: Command): void {
    const domain = this.#named(command);
    const seen = this.#lastFacts;
    if (!domain || !seen) throw noDomain(command, record.position);
    const { actual, other, facts } = domain;
    const { supports, freeBytes } = seen;
    const now = { time: record.time, supports, guest: actual.guest, heads: {}, freeBytes };
    const then = facts.of(actual, other, now, null);
    let ids = 0;
    const made = () => `what-if-after-${record.position}-${++ids}`;
    const { verdict, plan } = decideAgain(other, then, command, made);
    this.flips.push({ position: record.position, domain: other.id, command, was: null, now: verdict });
    if (plan) carryOut(other, record, plan);
  }

  #named(command: Command): Outcomes | undefined {
    const wanted = domainOf(command);
    return [...this.domains.values()].find(
      ({ other: { defined, name, id } }) => defined && (name === wanted || id === wanted),
    );
  }
}

function domainOf(command: Command): string {
  return command.type === "DefineDomain" ? command.uuid : command.domain;
}

function noDomain(command: Command, position: number): SnapledgerError {
  const domain = domainOf(command);
  const message = `No domain "${domain}" is defined right after position ${position}.`;
  const hint = "Give the name that it has then, or its uuid: see `snapledger list --at POSITION`.";
  return new SnapledgerError("DOMAIN_NOT_FOUND", message, { facts: { domain, position }, hint });
}

/** All of an operation that never was, at once. */
function carryOut(other: DomainState, record: EventRecord, { plan, outcome }: Accepted): void {
  apply(other, asRecord(record, outcome(madeBy(plan, undefined))));
  settle(other, record);
}

function settle(other: DomainState, record: EventRecord): void {
  if (!other.defined || other.guest !== "off") return;
  for (let fold = nextFold(other); fold; fold = nextFold(other)) foldNow(other, record, fold);
  removeGarbage(other, record);
}

function nextFold(other: DomainState): Fold | undefined {
  return pendingFolds(other).find(({ waits }) => waits === null);
}

/** The same fold if there is one to do here; else none. */
function foldLike(other: DomainState, record: RecordOf<"LayersCompacted">): void {
  const { from, into } = record.data;
  const fold = pendingFolds(other).find((one) => one.from.id === from && one.into.id === into);
  if (fold) foldNow(other, record, fold, record.data);
}

/** `seen`: how the recorded fold left the files, where it was the same. */
function foldNow(
  other: DomainState,
  record: EventRecord,
  { target, into, from, dependents, snapshots }: Fold,
  seen?: RecordOf<"LayersCompacted">["data"],
): void {
  const { bytes, virtualBytes } = from.file;
  const file = seen?.file ?? { ...layerOf(other, into.id).file, bytes, virtualBytes };
  const repointed = dependents.map(
    (one) => seen?.repointed.find(({ layer }) => layer === one.id) ?? { layer: one.id, file: one.file },
  );
  const generation = into.generation + 1;
  const data = { target, from: from.id, into: into.id, generation, file, repointed, snapshots };
  apply(other, asRecord(record, { type: "LayersCompacted", schema: 1, data }));
}

function removeGarbage(other: DomainState, record: EventRecord): void {
  const layers = garbage(other).map(({ id, file }) => ({ layer: id, path: file.path, bytes: file.bytes }));
  const files = [...layers, ...other.looseMemories.map(({ path, bytes }) => ({ layer: null, path, bytes }))];
  if (files.length > 0) apply(other, asRecord(record, { type: "LayersRemoved", schema: 1, data: { files } }));
}

/** An event that would have been, where and by whom the recorded one was. */
function asRecord(record: EventRecord, event: DomainEvent): EventRecord {
  return { ...record, ...event };
}
