import type { Command } from "../events/command.ts";
import type { EventRecord } from "../events/events.ts";
import type { MemoryFile } from "../events/records.ts";
import { headOf } from "../projections/layers.ts";
import { refOf } from "../projections/tree.ts";
import { currentOf, refOrNull } from "./heads.ts";
import type { Operation } from "./stage.ts";

/** What is done to the guest before the event: starting and stopping are known by their effect alone. */
export async function beforeEvent({ driver, state }: Operation, command: Command): Promise<void> {
  if (command.type === "StartDomain") await driver.start(guestOf(state, null, command.paused));
  if (command.type === "DestroyDomain") await driver.stop(state.id);
}

/** create-with-snapshot starts the guest once its heads have moved, resuming the snapshot's memory if it has one. */
export async function afterEvent(
  operation: Operation,
  command: Command,
  outcome: EventRecord,
): Promise<EventRecord | null> {
  if (command.type !== "CreateWithSnapshot" || !command.start || outcome.type !== "HeadsMoved") return null;
  const { driver, state } = operation;
  const current = currentOf(state);
  const paused = current?.state === "paused";
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

function guestOf(state: Operation["state"], memory: MemoryFile | null, paused: boolean) {
  const heads = state.disks.map((target) => ({ target, path: headOf(state, target).file.path }));
  return { domain: state.id, heads, memory, paused };
}
