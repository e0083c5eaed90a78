import { cliCommand } from "../../errors.ts";
import type { MemoryFile } from "../../events/records.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Facts } from "./decision.ts";
import { refuse } from "./decision.ts";

/** Whether a saved memory can be loaded here and now; else MEMORY_UNUSABLE, before anything is moved or started. */
export function checkMemory(state: DomainState, { memory: seen }: Facts, snapshot: string, saved: MemoryFile): void {
  if (!seen) return;
  const move = cliCommand("create-with-snapshot", state.name, snapshot, "--no-start");
  const hint = `Put it right, or boot from its disks alone: ${move}, then ${cliCommand("start", state.name)}.`;
  const facts = { snapshot, path: saved.path };
  if (seen.bytes === null) {
    refuse("MEMORY_UNUSABLE", `The memory of "${snapshot}" is gone: ${saved.path}`, hint, facts);
  }
  if (seen.bytes !== saved.bytes) {
    const message = `The memory of "${snapshot}" has ${seen.bytes} bytes instead of ${saved.bytes}: ${saved.path}`;
    refuse("MEMORY_UNUSABLE", message, hint, { ...facts, bytes: seen.bytes, expected: saved.bytes });
  }
  if (seen.fault !== undefined) {
    const message = `The memory of "${snapshot}" is damaged, or none: ${saved.path}: ${seen.fault}`;
    refuse("MEMORY_UNUSABLE", message, hint, { ...facts, fault: seen.fault });
  }
  const differs = differences(state, seen.machines, saved);
  if (differs.length === 0) return;
  const message = `The memory of "${snapshot}" cannot be loaded here: ${differs.join("; ")}.`;
  refuse("MEMORY_UNUSABLE", message, hint, { ...facts, differs });
}

/** What of the machine that the memory was saved from is not to be had, one sentence each. */
function differences(
  { memoryMib, vcpus, disks }: DomainState,
  machines: NonNullable<Facts["memory"]>["machines"],
  { machine }: MemoryFile,
): string[] {
  if (!machines || !machine) return [];
  const devices = machine.devices.map((device) => device.split(" ")[0]);
  return [
    ...(machines.accelerators.includes(machine.accelerator)
      ? []
      : [`it was saved under ${machine.accelerator}, and here is ${machines.accelerators.join(" and ")}`]),
    ...(machines.types.includes(machine.type) ? [] : [`this QEMU has no machine type ${machine.type}`]),
    ...differing("MiB of memory", machine.memoryMib, memoryMib),
    ...differing("virtual processors", machine.vcpus, vcpus),
    ...(devices.join() === disks.join() ? [] : [`it had the disks ${devices.join(", ")}, and now ${disks.join(", ")}`]),
  ];
}

function differing(what: string, saved: number, now: number | null): string[] {
  return now === null || now === saved ? [] : [`it had ${saved} ${what}, and now ${now}`];
}
