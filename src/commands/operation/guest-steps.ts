import type { Command } from "../../events/command.ts";
import type { EventRecord } from "../../events/events.ts";
import type { StartGuest } from "../../drivers/driver.ts";
import type { MemoryFile } from "../../events/records.ts";
import { headOf } from "../../projections/layers.ts";
import { refOf } from "../../projections/tree.ts";
import { currentOf, refOrNull } from "../rules/heads.ts";
import type { Operation } from "../context.ts";

/** What is done to the guest before the event: starting and stopping are known by their effect alone. */
export async function beforeEvent({ driver, state }: Operation, command: Command, signal?: AbortSignal): Promise<void> {
  switch (command.type) {
    case "StartDomain":
      return driver.start(guestOf(state, null, command.paused));
    case "DestroyDomain":
      return driver.stop(state.id);
    case "ShutdownDomain":
      return driver.shutdown(state.id, command.timeoutMs, signal);
    case "SuspendDomain":
      return driver.suspend(state.id);
    case "ResumeDomain":
      return driver.resume(state.id);
    default:
      return;
  }
}

/** Whether what a dead command was to do to the guest is done: it shows in the guest itself. */
export async function isDoneToGuest({ driver, state }: Operation, command: Command): Promise<boolean> {
  switch (command.type) {
    case "StartDomain":
      return (await driver.guestState(state.id)) !== "off";
    case "DestroyDomain":
    case "ShutdownDomain":
      return (await driver.guestState(state.id)) === "off";
    case "SuspendDomain":
      return (await driver.guestState(state.id)) === "paused";
    case "ResumeDomain":
      return (await driver.guestState(state.id)) === "running";
    default:
      return false;
  }
}

/**
 * create-with-snapshot starts the guest once its heads have moved, resuming the snapshot's memory if it has one. A
 * snapshot for which file systems were frozen is made only when they are known to be thawed.
 */
export async function afterEvent(
  operation: Operation,
  command: Command,
  outcome: EventRecord,
): Promise<EventRecord | null> {
  if (command.type === "CreateSnapshot" && command.quiesce === true) await operation.driver.thaw(operation.state.id);
  if (command.type !== "CreateWithSnapshot" || !command.start || outcome.type !== "HeadsMoved") return null;
  const { driver, state } = operation;
  const current = currentOf(state);
  const paused = command.paused === true || current?.state === "paused";
  await driver.start(guestOf(state, current?.memory ?? null, paused));
  return operation.append({
    type: "DomainStarted",
    schema: 1,
    data: {
      from: current ? refOf(current) : refOrNull(null),
      state: paused ? "paused" : "running",
      memoryLoaded: Boolean(current?.memory),
    },
  });
}

function guestOf(state: Operation["state"], memory: MemoryFile | null, paused: boolean): StartGuest {
  const { id, memoryMib, vcpus, accelerator, guestAgent } = state;
  const heads = state.disks.map((target) => ({ target, path: headOf(state, target).file.path }));
  return { domain: id, heads, memory, paused, machine: { memoryMib, vcpus, accelerator, guestAgent } };
}
