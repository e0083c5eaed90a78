import { setTimeout as sleep } from "node:timers/promises";
import { SnapledgerError } from "../../errors.ts";
import type { FreezeGuest, Plan } from "../../events/plan.ts";
import { count, counted } from "../../projections/explain/wording.ts";
import { garbage } from "../../projections/layers.ts";
import type { DomainState, OpenOperation } from "../../projections/state.ts";
import type { Compaction, Removal } from "./compact.ts";
import { compact, foldsOf, isBlocking, removeGarbage, restoreLinks } from "./compact.ts";
import type { Facts, StepResults } from "../rules/decision.ts";
import { isDoneToGuest } from "../operation/guest-steps.ts";
import type { DomainLock } from "../../store/lock/domain-lock.ts";
import { stepResultsFromDisk, observeFrozen } from "../operation/run-steps.ts";
import { noticeGuest } from "./observe-guest.ts";
import { ruleOf } from "../rules/rules.ts";
import type { Operation } from "../context.ts";
import type { StepOptions } from "../../drivers/driver.ts";

/** What recovery found and chose, one sentence each, and how compaction stands after it. */
export interface Recovery {
  readonly found: readonly string[];
  readonly removal: Removal;
  readonly compaction: Compaction;
}

/**
 * Brings a domain's files to what its log says, under its lock, before anything else is done to it: waits for a
 * program that outlived its manager, resolves a dead operation by evidence, removes what nothing refers to, puts
 * links back, and takes compaction up again. Where there is nothing to do it appends nothing. `leaving`: every file is
 * about to be let go of as it is, which links that can't be put back do not forbid.
 */
export async function recoverDomain(
  operation: Operation,
  lock: DomainLock,
  watch: StepOptions,
  { leaving = false } = {},
): Promise<Recovery> {
  const found: string[] = [];
  await outwaitChildren(operation, lock, found);
  // A log that cannot go on may have ended otherwise than it says: then nothing is changed by its word.
  if (unsettled(operation.state).length > 0) await operation.context.log.use((log) => log.append([]));
  await resolveDeadOperation(operation, found);
  await noticeGuest(operation, found);
  let restored: string[] = [];
  try {
    restored = await restoreLinks(operation, watch);
  } catch (error) {
    if (!leaving || !isBlocking(error)) throw error;
    const compaction = { folded: 0, pending: foldsOf(operation.state), blockedBy: error, waitsFor: null };
    return { found: [...found, error.message], removal: { removed: [], blockedBy: null }, compaction };
  }
  if (restored.length > 0) found.push(`${counted(restored.length, "link", "was")} put back to what the log says.`);
  const removal = await removeGarbage(operation);
  if (removal.removed.length > 0)
    found.push(
      `${counted(removal.removed.length, "file", "was")} removed: nothing referred to ${removal.removed.length === 1 ? "it" : "them"}.`,
    );
  const compaction = await compact(operation, watch);
  if (compaction.folded > 0) found.push(`${counted(compaction.folded, "unfinished fold", "was")} done.`);
  if (compaction.blockedBy)
    found.push(`${counted(compaction.pending.length, "fold", "waits")}: ${compaction.blockedBy.message}`);
  return { found, removal, compaction };
}

/** What recovery would find by the log alone, one sentence each. */
export function unsettled(state: DomainState): string[] {
  const { operation } = state;
  const pending = foldsOf(state);
  const waiting = pending.filter(({ waits }) => waits === "guest").length;
  const folds = pending.length - waiting;
  const files = garbage(state).length + state.looseMemories.length;
  return [
    ...(operation ? [`${described(operation)} has no outcome: it is running still, or died.`] : []),
    ...(folds > 0 ? [`${counted(folds, "fold", "is")} to be done.`] : []),
    ...(waiting > 0 ? [`${counted(waiting, "fold", "waits")} until the guest is stopped.`] : []),
    ...(files > 0
      ? [`${counted(files, "file", "is")} to be removed: nothing refers to ${files === 1 ? "it" : "them"}.`]
      : []),
  ];
}

function described({ command, actor, position }: OpenOperation): string {
  return `${command.type} of ${actor.user} at position ${position}`;
}

/** A `qemu-img` may live on without its manager. It is waited for: nothing is undone under its hands. */
async function outwaitChildren(
  { context: context, state }: Operation,
  lock: DomainLock,
  found: string[],
): Promise<void> {
  const deadline = context.clock() + context.waitMs;
  for (let alive = lock.livingChildren(); alive.length > 0; alive = lock.livingChildren()) {
    if (context.clock() >= deadline) {
      const pids = alive.join(", ");
      throw new SnapledgerError(
        "IMAGE_LOCKED",
        `A tool of a dead command still works on "${state.name}" (pid ${pids}).`,
        {
          facts: { domain: state.name, pids: alive },
          hint: "Wait for it to end, or give it longer with --wait, and try again. Nothing was undone.",
        },
      );
    }
    if (found.length === 0) found.push(`A tool that outlived its command was waited for (pid ${alive.join(", ")}).`);
    await sleep(20);
  }
}

async function resolveDeadOperation(operation: Operation, found: string[]): Promise<void> {
  const dead = operation.state.operation;
  if (!dead) return;
  const what = described(dead);
  if (await finished(operation, dead)) {
    found.push(`${what} had been done, but not recorded; it is now.`);
    return;
  }
  // What is not in the log may have happened all the same: then its files are somebody's heads.
  const mayHaveHappened = (await lastGap(operation)) > dead.position;
  const undone = mayHaveHappened ? [] : await undo(operation, dead.plan);
  const message = mayHaveHappened
    ? "Its outcome is not in this log, which is behind what was done; its files were left as they are."
    : "The process that ran it died before its outcome; nothing of it remains.";
  const data = { command: dead.command.type, code: "INTERRUPTED", message, undone, found: true } as const;
  await operation.append({ type: "OperationFailed", schema: 1, data }, { of: dead.id });
  found.push(
    mayHaveHappened
      ? `${what} may have been done, in what this log has lost: nothing was taken away. See snapledger verify --files.`
      : `${what} died before its outcome; what it had made (${count(undone.length, "file")}) was taken away.`,
  );
}

/** Where the log last says that it was salvaged, restored or put back, and so may be behind the files. */
async function lastGap({ context: context }: Operation): Promise<number> {
  return context.log.use(async (log) => (await context.states.directory(log)).gap);
}

/** Takes away the files that a plan's steps make; nothing refers to them. Resolves with those that were there. */
export async function undo({ driver }: Operation, { steps }: Plan): Promise<string[]> {
  const paths = steps.flatMap((step) => (step.step === "freeze" ? (step.memoryPath ?? []) : step.path));
  const undone: string[] = [];
  for (const path of paths) {
    if ((await driver.identify(path)) !== undefined) undone.push(path);
    await driver.remove(path);
  }
  return undone;
}

/**
 * What was done to a guest cannot be undone by taking files away: there the evidence says that it happened. A guest
 * that was moved to the new overlays writes to them already.
 */
async function finished(operation: Operation, dead: OpenOperation): Promise<boolean> {
  const { driver, state } = operation;
  const { plan, command } = dead;
  const freeze = plan.steps.find((step): step is FreezeGuest => step.step === "freeze");
  if (!freeze)
    return (await isDoneToGuest(operation, command)) && record(operation, dead, { files: new Map(), memory: null });
  const memory = await driver.settleFreeze(state.id, freeze, state.guest);
  if (memory === undefined) return false;
  const made = await stepResultsFromDisk(operation, plan);
  return record(operation, dead, await observeFrozen(operation, plan, { ...made, memory }));
}

/** Appends the outcome of a dead operation, which its rule builds again from the facts and ids it was handed. */
async function record(operation: Operation, dead: OpenOperation, made: StepResults): Promise<boolean> {
  const { state, context: context } = operation;
  const intent = await intentOf(operation, dead);
  if (!intent) return false;
  const ids = intent.ids.values();
  const newId = () => ids.next().value ?? context.newId();
  // What it was permitted on is long past.
  const accepted = ruleOf(dead.command).decide(state, intent.facts as unknown as Facts, dead.command, { newId });
  await operation.append(accepted.outcome(made), { of: dead.id });
  return true;
}

async function intentOf({ context: context }: Operation, { position }: OpenOperation) {
  return context.log.use(async (log) => {
    for await (const { record } of log.read({ from: position, to: position + 1 })) {
      if (record.type === "OperationStarted") return record.data;
    }
    return undefined;
  });
}
