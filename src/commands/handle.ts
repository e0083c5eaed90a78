import { isSnapledgerError, SnapledgerError } from "../errors.ts";
import type { Driver, StepOptions } from "../drivers/driver.ts";
import type { Command, DefineDomain } from "../events/command.ts";
import type { EventRecord } from "../events/events.ts";
import type { DomainId } from "../events/ids.ts";
import type { Plan } from "../events/plan.ts";
import type { DomainState } from "../projections/state.ts";
import { definingIdOf, domainIdOf } from "../projections/directory.ts";
import { noDomain } from "../projections/lookups.ts";
import { anotherSnapshot } from "../projections/views/views.ts";
import type { Caller, Outcome, Request, Warning } from "./request.ts";
import { adopt } from "./operation/adopt.ts";
import { recordIntent } from "./operation/intent.ts";
import { compact, compactAgain, removeGarbage } from "./recovery/compact.ts";
import type { Accepted } from "./rules/decision.ts";
import { noPlan } from "./rules/decision.ts";
import { gatherFacts } from "./facts/gather.ts";
import { afterEvent, beforeEvent } from "./operation/guest-steps.ts";
import { headsInWords } from "./rules/heads.ts";
import { checkNotInterrupted } from "./operation/interrupt.ts";
import type { DomainLock } from "../store/lock/domain-lock.ts";
import { checkSpace, runSteps } from "./operation/run-steps.ts";
import { keptThere, missingBelowHeads } from "./facts/missing.ts";
import { lookAtHeads } from "./facts/observe.ts";
import { previewOf, resultOf } from "./result/outcome.ts";
import { foldsPending, mergeUnsettled } from "./result/pending-folds.ts";
import { recoverDomain, undo, unsettled } from "./recovery/recover.ts";
import type { Recovery } from "./recovery/recover.ts";
import { repeated } from "./result/repeat.ts";
import { goneDomainOf } from "./operation/command-id.ts";
import { decide, isDecided } from "./rules/rules.ts";
import { Operation } from "./context.ts";
import type { CommandContext } from "./context.ts";

/**
 * The one place with effects: command -> facts -> rules -> OperationStarted -> driver -> outcome event -> clean-up and
 * compaction. The outcome event alone decides: what comes before it can be taken away, what comes after it can be
 * done again.
 */
export async function handle(
  context: CommandContext,
  command: Command,
  caller: Caller,
  request: Request = {},
): Promise<Outcome> {
  const id = await domainIdFor(context, command, request);
  if (request.plan) return preview(context, id, command, caller, request);
  if (command.type === "DefineDomain") await recoverCompetingDefine(context, command, caller, request);
  const logId = (await context.log.use((log) => log.head())).logId;
  const lock = await context.locks.lockDomain({
    ...{ logId, domain: id, waitMs: context.waitMs, signal: request.signal },
    holder: { pid: caller.pid, host: caller.host, verb: command.type, user: caller.user },
  });
  try {
    const state = await context.log.use(
      async (log) => (await context.pool?.take(log, id)) ?? context.states.domain(log, id),
    );
    const outcome = await underLock(context, state, command, caller, request, lock);
    context.pool?.release(state);
    return outcome;
  } finally {
    await lock.release();
  }
}

/**
 * The domain's uuid. DOMAIN_NOT_FOUND, unless it is about to be defined, is only to be recovered, or is gone since the
 * same command id was used on it: then the outcome of that is given again.
 */
async function domainIdFor(context: CommandContext, command: Command, { commandId, plan }: Request): Promise<DomainId> {
  if (command.type === "DefineDomain") return command.uuid;
  return context.log.use(async (log) => {
    const directory = await context.states.directory(log);
    const id = domainIdOf(directory, command.domain);
    if (id !== undefined) return id;
    if (command.type === "RecoverDomain" && (await log.revision(command.domain)) > 0) return command.domain;
    const before = plan ? undefined : await goneDomainOf(log, directory, command.domain, commandId);
    if (before !== undefined) return before;
    throw noDomain(command.domain);
  });
}

/** It may have been undefined while its lock was waited for. */
function checkDefined({ defined }: DomainState, command: Command): void {
  if (!defined && command.type !== "DefineDomain" && command.type !== "RecoverDomain") throw noDomain(command.domain);
}

/** A definition of the same name that died half-way is resolved first; one that is alive is waited for. */
async function recoverCompetingDefine(
  context: CommandContext,
  { name, uuid }: DefineDomain,
  caller: Caller,
  request: Request,
): Promise<void> {
  const rival = await context.log.use(async (log) => definingIdOf(await context.states.directory(log), name));
  if (rival === undefined || rival === uuid) return;
  const { signal, onProgress } = request;
  const how = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
  await handle(context, { type: "RecoverDomain", domain: rival }, caller, how);
}

async function underLock(
  context: CommandContext,
  state: DomainState,
  command: Command,
  caller: Caller,
  request: Request,
  lock: DomainLock,
): Promise<Outcome> {
  const watch = watchOf(request, lock);
  const before = state.revision;
  const settling = await recoveryOperation(context, state, caller, request);
  lock.operation(settling.id);
  const leaving = command.type === "UndefineDomain" && command.keep === "keep-files";
  const recovery = await recoverDomain(settling, lock, watch, { leaving });
  const acting = new Operation(context, settling.id, state, driverFor(context, state, command), caller, request);
  const earlier = await repeated(acting, command, recovery);
  if (earlier) return earlier;
  checkRevision(request, before);
  checkDefined(state, command);
  checkSnapshot(request, state, command);
  return isDecided(command) ? perform(acting, command, recovery, watch) : followLog(settling, command, recovery);
}

/** The operation that recovery works in: its events answer to no command id. */
async function recoveryOperation(
  context: CommandContext,
  state: DomainState,
  caller: Caller,
  request: Request,
): Promise<Operation> {
  const driver = driverOf(context, state);
  await adopt(driver, state);
  return new Operation(context, context.newId(), state, driver, caller, { ...request, commandId: null });
}

function driverOf(context: CommandContext, { operation, driver }: DomainState): Driver {
  return context.driver(operation?.command.type === "DefineDomain" ? operation.command.driver : driver);
}

function driverFor(context: CommandContext, state: DomainState, command: Command): Driver {
  return command.type === "DefineDomain" ? context.driver(command.driver) : driverOf(context, state);
}

function watchOf({ onProgress, signal }: Request, lock: DomainLock): StepOptions {
  const onChild = (pid: number) => lock.child(pid);
  return { onChild, ...(onProgress && { onProgress }), ...(signal && { signal }) };
}

function checkRevision({ expectRevision }: Request, revision: number): void {
  if (expectRevision === undefined || expectRevision === revision) return;
  throw new SnapledgerError("REVISION_CONFLICT", `The domain is at revision ${revision}, not ${expectRevision}.`, {
    facts: { expected: expectRevision, revision },
    hint: "Look at what changed, then run the command again without --expect-revision or with the new one.",
  });
}

/** Of a name that nobody has, the rule tells. */
function checkSnapshot({ expectSnapshot }: Request, state: DomainState, command: Command): void {
  if (expectSnapshot === undefined || !("snapshot" in command)) return;
  const id = state.byName.get(command.snapshot);
  if (id !== undefined && id !== expectSnapshot) throw anotherSnapshot(state.name, command.snapshot);
}

/** From a decision to its outcome. */
async function perform(
  operation: Operation,
  command: Command,
  recovery: Recovery,
  watch: StepOptions,
): Promise<Outcome> {
  const accepted = await recordIntent(operation, command, watch);
  const outcome = await carryOut(operation, command, accepted, watch);
  const notStarted = await startedAfter(operation, command);
  const removal = await removeGarbage(operation);
  const compaction = await (recovery.compaction.blockedBy ? compactAgain : compact)(operation, watch);
  const result = resultOf({
    operation,
    command,
    plan: accepted.plan,
    warnings: accepted.warnings,
    outcome,
    removal,
    compaction,
    recovery,
  });
  if (notStarted) throw notStarted;
  const unsettled =
    outcome.type === "SnapshotMerged" ? mergeUnsettled(operation.state, outcome, compaction, result) : null;
  if (unsettled) throw unsettled;
  return command.type === "UndefineDomain" ? keptThere(operation.driver, result) : result;
}

/** Why a guest did not start although its heads have moved: that much is done, and stays. */
async function startedAfter(operation: Operation, command: Command): Promise<SnapledgerError | undefined> {
  try {
    await afterEvent(operation, command);
    return undefined;
  } catch (error) {
    return fail(operation, command, noPlan, error);
  }
}

/** Runs the plan and appends its outcome; what was made is taken away again when a step fails. */
async function carryOut(
  operation: Operation,
  command: Command,
  accepted: Accepted,
  watch: StepOptions,
): Promise<EventRecord> {
  let made;
  try {
    await checkSpace(operation, accepted.plan);
    checkNotInterrupted(watch.signal);
    const folder = folderOf(accepted.plan);
    if (folder !== undefined) await operation.driver.prepareFolder(folder);
    made = await runSteps(operation, accepted.plan, watch);
    await beforeEvent(operation, command, watch.signal);
  } catch (error) {
    throw await fail(operation, command, accepted.plan, error);
  }
  return operation.append(accepted.outcome(made));
}

function folderOf({ steps }: Plan): string | undefined {
  const path = steps.map((step) => (step.step === "freeze" ? undefined : step.path)).find((one) => one !== undefined);
  return path?.slice(0, path.lastIndexOf("/"));
}

/** Undoes, records, and hands the error back with its position. Whatever is no error of ours (a crash) is just passed on. */
async function fail(operation: Operation, command: Command, plan: Plan, error: unknown): Promise<SnapledgerError> {
  if (!isSnapledgerError(error)) throw error;
  const undone = await undo(operation, plan).catch((notUndone: unknown) => {
    if (!isSnapledgerError(notUndone)) throw notUndone;
  });
  // The intent stays open: the next command, or recover, takes away what could not be.
  if (!undone) return error;
  const { code, message } = error;
  const data = { command: command.type, code, message, undone, found: false };
  error.position = (await operation.append({ type: "OperationFailed", schema: 1, data })).position;
  return error;
}

/** The result of `recover` and `compact`, which follow the log instead of a rule. */
async function followLog(operation: Operation, command: Command, recovery: Recovery): Promise<Outcome> {
  const { compaction, removal } = recovery;
  if (compaction.blockedBy && command.type === "CompactDomain") throw foldsPending(operation.state, compaction);
  const below = command.type === "RecoverDomain" ? await missingBelowHeads(operation.driver, operation.state) : [];
  const warnings = [...(await headsToTell(operation)), ...below];
  return resultOf({ operation, command, plan: noPlan, warnings, outcome: null, removal, compaction, recovery });
}

/** Nothing here mends a head that is not what the log says, but `recover` and `compact` say so. */
async function headsToTell({ driver, state }: Operation): Promise<Warning[]> {
  const { wrongHeads } = await lookAtHeads(driver, state);
  return wrongHeads.length === 0 ? [] : [{ code: "NEEDS_OPERATOR", ...headsInWords(state, wrongHeads) }];
}

/**
 * Decides, and says what would be done. Nothing is locked, changed or recorded. What files look changed by may be a fold
 * that has begun since the log was read: then it is decided again.
 */
async function preview(
  context: CommandContext,
  id: DomainId,
  command: Command,
  caller: Caller,
  request: Request,
): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const state = await context.log.use((log) => context.states.domain(log, id));
    try {
      return await previewOn(context, state, command, caller, request);
    } catch (error) {
      if (!isSnapledgerError(error, "FILES_CHANGED") || attempt === previewAttempts) throw error;
      if ((await context.log.use((log) => log.revision(id))) === state.revision) throw error;
    }
  }
}

const previewAttempts = 5;

async function previewOn(
  context: CommandContext,
  state: DomainState,
  command: Command,
  caller: Caller,
  request: Request,
): Promise<Outcome> {
  checkRevision(request, state.revision);
  checkSnapshot(request, state, command);
  const driver = driverFor(context, state, command);
  await adopt(driver, state);
  const operation = new Operation(context, context.newId(), state, driver, caller, request);
  if (!isDecided(command)) {
    return { ...previewOf(operation, command, noPlan, []), recovered: unsettled(state) };
  }
  const { signal, onProgress } = request;
  const watch = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
  const { facts } = await gatherFacts(operation, command, watch);
  const decision = decide(state, facts, command, { newId: context.newId });
  if ("refused" in decision) throw decision.refused;
  return previewOf(operation, command, decision.accepted.plan, decision.accepted.warnings);
}
