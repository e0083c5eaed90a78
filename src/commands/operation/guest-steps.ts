import type { Driver, StartGuest } from "../../drivers/driver.ts";
import type { Command } from "../../events/command.ts";
import type { DomainState } from "../../projections/state.ts";
import { headsOf } from "../../projections/layers.ts";
import { currentOf, refOrNull } from "../rules/heads.ts";
import type { GuestStep } from "../rules/rule.ts";
import { ruleOf } from "../rules/rules.ts";
import type { Operation } from "../context.ts";

/** What is done to the guest before the event: starting and stopping are known by their effect alone. */
export async function beforeEvent({ driver, state }: Operation, command: Command, signal?: AbortSignal): Promise<void> {
  const step = ruleOf(command).guestStep?.(command);
  if (step) await run(driver, state, step, signal);
}

/** Whether what a dead command was to do to the guest is done. */
export async function isDoneToGuest({ driver, state }: Operation, command: Command): Promise<boolean> {
  const { isDone } = ruleOf(command);
  return isDone !== undefined && isDone(await driver.guestState(state.id));
}

/** What is done to the guest once its heads have moved, or its file systems may thaw. A start has an event of its own. */
export async function afterEvent(operation: Operation, command: Command): Promise<void> {
  const { driver, state } = operation;
  const step = ruleOf(command).guestStepAfter?.(state, command);
  if (!step) return;
  await run(driver, state, step);
  if (step.step !== "start") return;
  const from = refOrNull(currentOf(state));
  const data = { from, state: step.paused ? "paused" : "running", memoryLoaded: step.memory !== null } as const;
  await operation.append({ type: "DomainStarted", schema: 1, data });
}

async function run(driver: Driver, state: DomainState, step: GuestStep, signal?: AbortSignal): Promise<void> {
  const { id } = state;
  switch (step.step) {
    case "start":
      return driver.start(guestOf(state, step));
    case "shutdown":
      return driver.shutdown(id, step.timeoutMs, signal);
    case "stop":
    case "suspend":
    case "resume":
    case "thaw":
      return driver[step.step](id);
  }
}

function guestOf(state: DomainState, { memory, paused }: Extract<GuestStep, { step: "start" }>): StartGuest {
  const { id, memoryMib, vcpus, accelerator, guestAgent } = state;
  const heads = headsOf(state).map(({ target, file: { path } }) => ({ target, path }));
  return { domain: id, heads, memory, paused, machine: { memoryMib, vcpus, accelerator, guestAgent } };
}
