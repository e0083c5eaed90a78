import { closeSync, openSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { SnapledgerError } from "../../errors.ts";
import type { Accelerator, Machine } from "../../events/records.ts";
import type { StartGuest } from "../driver.ts";
import { lockedImage } from "../errors.ts";
import { loadMemory } from "./memory.ts";
import { sockets } from "./folder.ts";
import type { GuestFolder } from "./folder.ts";
import { cpu, debianPackage, defaultMemoryMib, diskDevice, machineArguments, usableAccelerators } from "./machine.ts";
import { chainOptions, guestDisks } from "./nodes.ts";
import { isAlive, processId } from "../../system/process-id.ts";
import type { ProcessId } from "../../system/process-id.ts";
import { startProgram } from "../../system/run-program.ts";
import { Qmp } from "./qmp.ts";
import { isNobodyThere, withGuest } from "./session.ts";
import { endProcess } from "./stop.ts";

/** How long QEMU may take to open the disks' chains and listen. */
const startsWithinMs = 60_000;

export async function startGuest(folder: GuestFolder, program: () => string, guest: StartGuest): Promise<void> {
  if (await runsAlready(folder, guest)) return;
  await folder.prepare();
  await folder.clear();
  const machine = machineOf(guest);
  const fixed = [...machineArguments(machine), ...identity(guest), ...control, ...(await disks(guest))];
  const args = [...fixed, ...(machine.guestAgent === true ? agentChannel : [])];
  const held = guest.paused || guest.memory !== null ? ["-S"] : [];
  const incoming = guest.memory === null ? [] : ["-incoming", "defer"];
  const child = launch(program(), [...args, ...held, ...incoming], folder);
  folder.write({ process: child, machine });
  try {
    const qmp = await greetedBy(folder, child);
    try {
      checkVersion(qmp);
      folder.write({ process: child, machine: { ...machine, type: await exactType(qmp) } });
      const listening = machine.guestAgent === true ? [sockets.agent] : [];
      for (const name of [sockets.control, sockets.look, ...listening]) await chmod(folder.file(name), 0o600);
      if (guest.memory !== null) await loadMemory(folder, qmp, guest.memory);
      if (guest.memory !== null && !guest.paused) await qmp.execute("cont");
    } finally {
      qmp.close();
    }
  } catch (error) {
    await endProcess(child);
    await folder.clear();
    throw isNobodyThere(error) ? ended(folder, guest) : error;
  }
}

/** Starting again what runs already on the same files is no error. */
async function runsAlready(folder: GuestFolder, { domain, heads }: StartGuest): Promise<boolean> {
  const running = await withGuest(folder, "look", guestDisks);
  if (!running) return false;
  const open = new Set(running.map(({ chain }) => chain[0]));
  if (heads.length === open.size && heads.every(({ path }) => open.has(path))) return true;
  const message = `The guest of domain ${domain} is running already, on other files.`;
  throw new SnapledgerError("DRIVER_FAILED", message, { facts: { domain, files: [...open] } });
}

/** A memory is loaded into the machine that it was saved from. */
function machineOf({ memory, machine, heads }: StartGuest): Machine {
  if (memory?.machine) return memory.machine;
  return {
    accelerator: accelerated(machine.accelerator),
    ...{ type: "pc", cpu, memoryMib: machine.memoryMib ?? defaultMemoryMib, vcpus: machine.vcpus ?? 1 },
    devices: heads.map(({ target }) => `${target} ${diskDevice}`),
    ...(machine.guestAgent === true && { guestAgent: true }),
  };
}

function accelerated(wanted: Accelerator | null): Accelerator {
  const usable = usableAccelerators();
  if (wanted === null) return usable[0] ?? "tcg";
  if (usable.includes(wanted)) return wanted;
  throw new SnapledgerError("DRIVER_FAILED", "This user cannot use /dev/kvm, and the domain is defined with kvm.", {
    facts: { accelerator: wanted, usable },
    hint: "Join the group that owns /dev/kvm, or define the domain with --accel tcg.",
  });
}

/** Named after its uuid, not by a user's words: these are arguments of another program. */
function identity({ domain }: StartGuest): string[] {
  return ["-name", domain, "-uuid", domain];
}

const control = [sockets.control, sockets.look].flatMap((name) => ["-qmp", `unix:${name},server=on,wait=off`]);

/** Behind the disks, whose places on the bus stay the same without it. */
const agentChannel = [
  ...["-device", "virtio-serial-pci", "-chardev", `socket,id=agent,path=${sockets.agent},server=on,wait=off`],
  ...["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
];

async function disks({ heads }: StartGuest): Promise<string[]> {
  const args: string[] = [];
  let number = 0;
  for (const [index, { target, path }] of heads.entries()) {
    const { options, next } = await chainOptions({ path, format: "qcow2" }, number);
    number = next;
    const device = `${diskDevice},id=${target},drive=${options["node-name"]},bootindex=${index}`;
    args.push("-blockdev", JSON.stringify(options), "-device", device);
  }
  return args;
}

function launch(program: string, args: readonly string[], folder: GuestFolder): ProcessId {
  const log = openSync(folder.file("qemu.log"), "w", 0o600);
  const { pid } = startProgram(program, args, {
    ...{ stdio: ["ignore", log, log], environment: { PATH: process.env["PATH"] } },
    ...{ workIn: folder.path, outlivesUs: true },
  });
  closeSync(log);
  // One that has ended already is as dead as any that ends later.
  if (pid !== undefined) return processId(pid) ?? { pid, startTime: "", bootId: "" };
  const message = `${program} could not be started.`;
  const hint = `Install it: apt-get install ${debianPackage}`;
  throw new SnapledgerError("DRIVER_FAILED", message, { facts: { program, tool: folder.lastWords() }, hint });
}

/** The control socket, as soon as QEMU listens on it. GUEST_GONE when it ended instead. */
async function greetedBy(folder: GuestFolder, child: ProcessId): Promise<Qmp> {
  const deadline = performance.now() + startsWithinMs;
  for (;;) {
    try {
      return await folder.withSocket(sockets.control, (path) => Qmp.connect(path));
    } catch (error) {
      if (!isNobodyThere(error) || !isAlive(child) || performance.now() >= deadline) throw error;
    }
    await sleep(5);
  }
}

/** With its version: a later QEMU calls another machine `pc`. */
async function exactType(qmp: Qmp): Promise<string> {
  const type = await qmp.execute("qom-get", { path: "/machine", property: "type" });
  return String(type).replace(/-machine$/, "");
}

/** Older ones lack parts of what is asked of them here; 7.2 is what all was measured with. */
function checkVersion({ version: { major, minor } }: Qmp): void {
  if (major >= 6) return;
  throw new SnapledgerError("DRIVER_FAILED", `QEMU ${major}.${minor} is too old to run guests with.`, {
    facts: { major, minor },
    hint: "Install QEMU 6.0 or later.",
  });
}

/** QEMU gave up: its own words say why. */
function ended(folder: GuestFolder, { heads, memory }: StartGuest): SnapledgerError {
  const words = folder.lastWords();
  if (/Failed to get (shared )?"[a-z ]+" lock/.test(words)) {
    return lockedImage(heads.find(({ path }) => words.includes(path))?.path ?? heads[0]?.path ?? "");
  }
  const what = memory === null ? "QEMU ended at once" : `QEMU ended while it loaded the memory "${memory.path}"`;
  return new SnapledgerError("DRIVER_FAILED", `${what}: ${words || "it said nothing"}`, {
    facts: { tool: words, log: folder.file("qemu.log") },
    hint: "Correct what it complains of, then start the guest again.",
  });
}
