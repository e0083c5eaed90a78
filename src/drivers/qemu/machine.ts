import { accessSync, constants } from "node:fs";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Accelerator, Machine } from "../../events/records.ts";
import type { Machines } from "../driver.ts";

const run = promisify(execFile);

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
  const { stdout } = await run(program, ["-machine", "help"], { env: { LC_ALL: "C" } });
  const types = stdout.split("\n").flatMap((line) => /^(\S+)\s/.exec(line)?.[1] ?? []);
  return { accelerators: usableAccelerators(), types };
}

/** The arguments that make the same machine each time. */
export function machineArguments({ accelerator, type, cpu: model, memoryMib, vcpus }: Machine): string[] {
  const fixed = ["-nodefaults", "-no-user-config", "-display", "none"];
  const machine = ["-machine", `${type},accel=${accelerator}`, "-cpu", model];
  return [...fixed, ...machine, "-m", String(memoryMib), "-smp", String(vcpus)];
}
