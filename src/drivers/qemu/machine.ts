import { accessSync, constants } from "node:fs";
import { SnapledgerError } from "../../errors.ts";
import type { Accelerator, Machine } from "../../events/records.ts";
import { findProgram, runProgram } from "../../system/run-program.ts";
import type { Machines } from "../driver.ts";

export const debianPackage = "qemu-system-x86";

export function findQemu(): string {
  return findProgram("qemu-system-x86_64", debianPackage);
}

/** The same for kvm and tcg, so that it never depends on the host. */
export const cpu = "qemu64";
export const diskDevice = "virtio-blk-pci";
export const defaultMemoryMib = 1024;

export function usableAccelerators(): readonly Accelerator[] {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return ["kvm", "tcg"];
  } catch {
    return ["tcg"];
  }
}

/** What this host's QEMU can be: asked for only before a memory is loaded. */
export async function machinesOf(program: string): Promise<Machines> {
  const { code, output, complaint } = await runProgram(program, ["-machine", "help"], { debianPackage });
  if (code !== 0)
    throw new SnapledgerError("DRIVER_FAILED", `${program} does not tell its machines: ${complaint || output}`, {
      facts: { program, tool: complaint },
    });
  const types = output.split("\n").flatMap((line) => /^(\S+)\s/.exec(line)?.[1] ?? []);
  return { accelerators: usableAccelerators(), types };
}

/** The arguments that make the same machine each time. */
export function machineArguments({ accelerator, type, cpu: model, memoryMib, vcpus }: Machine): string[] {
  const fixed = ["-nodefaults", "-no-user-config", "-display", "none"];
  const machine = ["-machine", `${type},accel=${accelerator}`, "-cpu", model];
  return [...fixed, ...machine, "-m", String(memoryMib), "-smp", String(vcpus)];
}
