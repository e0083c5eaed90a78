import { cutTo } from "../../src/drivers/memory/content.ts";
import type { Command, DefineDomain } from "../../src/events/command.ts";
import type { Request } from "../../src/face.ts";
import { headOf } from "../../src/projections/layers.ts";
import { baseImages, fileOf } from "./bases.ts";
import type { ExpectedDomain } from "./expected.ts";
import { filledWith, sectorBytes } from "./files.ts";
import { foldsOf, noLuck } from "./simulation.ts";
import type { Simulation } from "./simulation.ts";

/** What people, guests and fate do in a run: one drawn act at a time. */

const domainNames = ["web", "db", "log"];
const snapshotNames = ["a", "b", "c", "d", "e", "f"];

export async function act(simulation: Simulation): Promise<void> {
  const { drawn, climate, scheduler, underWay } = simulation;
  await simulation.fewer(climate.atOnce);
  if (simulation.broken && drawn.chance(50)) simulation.restart("the server is restarted, since its log is broken");
  const dice = drawn.below(100);
  if (dice < 60) void simulation.give(commandFor(simulation), requestFor(simulation));
  else if (dice < 78) guestActs(simulation);
  else if (dice < 84) operatorActs(simulation);
  else if (dice < 97) await fateActs(simulation);
  else await recoverIdle(simulation);
  if (drawn.chance(10)) simulation.checkpoint();
  for (let turns = drawn.below(40); turns > 0 && underWay.size > 0; turns--) await scheduler.turn();
}

function commandFor(simulation: Simulation): Command {
  const { drawn, climate, expected } = simulation;
  const name = drawn.one(domainNames.slice(0, climate.domains));
  const domain = expected.named(name);
  if (!domain && drawn.chance(95)) return definition(simulation, name);
  if (drawn.chance(3)) return definition(simulation, name);
  const called = domain && drawn.chance(20) ? domain.id : name;
  const own = [...(domain?.model.snapshots.keys() ?? [])];
  const snapshot = own.length > 0 && drawn.chance(97) ? drawn.one(own) : drawn.one(snapshotNames);
  const discardChanges = drawn.chance(30);
  const force = drawn.chance(30);
  // Where a fold waits, what it stands in the way of is tried more often.
  if (domain && simulation.isFolding(domain.id) && drawn.chance(25)) {
    if (drawn.chance(70)) return { type: "MergeSnapshot", domain: called, snapshot, discardChanges, force };
    return { type: "UndefineDomain", domain: called, keep: drawn.one(["discard-all", "keep-files"]) };
  }
  const runs = domain !== undefined && simulation.guest(domain.id) !== "off";
  const dice = drawn.below(100);
  if (climate.guests && dice < (runs ? 12 : 22)) return guestCommand(simulation, called, runs);
  if (dice < 45) return creation(simulation, called, own);
  if (dice < 55)
    return {
      ...{ type: "CreateWithSnapshot", domain: called, snapshot, discardChanges },
      ...{ start: climate.guests && drawn.chance(60), ...(drawn.chance(20) && { paused: true }) },
    };
  if (dice < 61) return { type: "DeactivateSnapshot", domain: called, snapshot, discardChanges };
  if (dice < 84) return { type: "MergeSnapshot", domain: called, snapshot, discardChanges, force };
  if (dice < 91) return { type: "DiscardSnapshot", domain: called, snapshot, discardChanges, force };
  if (dice < 94) return { type: "RecoverDomain", domain: called };
  if (dice < 96) return { type: "CompactDomain", domain: called };
  return { type: "UndefineDomain", domain: called, keep: drawn.one(["refuse", "discard-all", "keep-files"]) };
}

function guestCommand({ drawn }: Simulation, domain: string, runs: boolean): Command {
  if (!runs && drawn.chance(85)) return { type: "StartDomain", domain, paused: drawn.chance(15) };
  const type = drawn.one([
    "DestroyDomain",
    "DestroyDomain",
    "ShutdownDomain",
    "SuspendDomain",
    "ResumeDomain",
  ] as const);
  return type === "ShutdownDomain" ? { type, domain, timeoutMs: 1000 } : { type, domain };
}

function creation({ drawn }: Simulation, domain: string, own: readonly string[]): Command {
  const free = snapshotNames.filter((name) => !own.includes(name));
  const named = free.length > 0 && drawn.chance(95) ? drawn.one(free) : drawn.one([...snapshotNames, ...own]);
  return {
    ...{ type: "CreateSnapshot", domain, description: "", name: drawn.chance(8) ? null : named },
    compression: drawn.chance(15) ? drawn.one(["zlib", "zstd"]) : null,
    ...(drawn.chance(10) && { compress: true }),
    ...{ offline: drawn.chance(92), diskOnly: drawn.chance(40) },
    ...(drawn.chance(1) && { quiesce: true }),
  };
}

function definition(simulation: Simulation, name: string): DefineDomain {
  const { drawn, climate, expected } = simulation;
  const targets = ["vda", "vdb"].slice(0, 1 + drawn.below(climate.disks));
  const own = domainNames.indexOf(name);
  const all = baseImages.filter(({ path }) => expected.bases.has(fileOf(path))).slice(0, climate.bases);
  const disks = targets.map((target, n) => {
    const image = drawn.chance(55) ? (all[(own + n) % all.length] ?? drawn.one(all)) : drawn.one(all);
    return { target, path: image.path, format: image.format };
  });
  const foreign = simulation.states.values().next().value;
  const layer = foreign && drawn.chance(5) ? [...foreign.layers.values()].find(({ backing }) => backing) : undefined;
  if (layer && simulation.world.files.has(layer.file.path) && disks[0]) {
    disks[0] = { target: "vda", path: layer.file.path, format: "qcow2" };
  }
  const before = [...simulation.states.values()].find((state) => !state.defined && state.name === name);
  return {
    ...{ type: "DefineDomain", uuid: before && drawn.chance(40) ? before.id : simulation.newId(), name },
    ...{ driver: "memory", memoryMib: null, vcpus: null, disks, unmanaged: [], layersFolder: null, xmlSha256: null },
  };
}

function requestFor(simulation: Simulation): Request {
  const { drawn } = simulation;
  const revisions = [...simulation.states.values()].map(({ revision }) => revision);
  return {
    ...(drawn.chance(20) && { reason: "patch day" }),
    ...(drawn.chance(10) && { commandId: `id-${drawn.below(6)}` }),
    ...(drawn.chance(5) && { expectRevision: drawn.one([...revisions, 3]) }),
    ...(drawn.chance(6) && { plan: true }),
  };
}

/** Guests write and compute, and sometimes end by themselves. */
function guestActs(simulation: Simulation): void {
  const { drawn, world, expected } = simulation;
  const running = [...expected.domains.values()].filter(
    ({ id }) => simulation.guest(id) === "running" && !simulation.still.has(id),
  );
  if (running.length === 0) return offlineWrite(simulation);
  const domain = drawn.one(running);
  const guest = world.guests.get(domain.id);
  if (!guest) return;
  if (drawn.chance(10)) {
    guest.state = "off";
    simulation.tell(`the guest of ${domain.name} ends by itself`);
    return simulation.guestActs(domain.id);
  }
  if (drawn.chance(30)) {
    new DataView(guest.memory.buffer, guest.memory.byteOffset).setUint32(0, 1 + drawn.below(1_000_000));
    return;
  }
  const n = drawn.below(guest.heads.length);
  write(simulation, domain, domain.disks[n]?.target ?? "", guest.heads[n] ?? "");
}

function write(simulation: Simulation, domain: ExpectedDomain, target: string, path: string): void {
  const { drawn, world, expected } = simulation;
  // A guest on a full disk stands still.
  if (world.freeBytes < 1_000_000) return;
  const sectors = (world.files.get(path)?.virtualBytes ?? 0) / sectorBytes;
  const sector = drawn.below(sectors);
  const byte = drawn.below(200);
  simulation.tell(`${domain.name} writes ${byte} to sector ${sector} of ${target}, ${path}`);
  world.write(path, sector * sectorBytes, filledWith(byte));
  expected.write(domain.id, target, sector, byte);
  simulation.guestActs(domain.id);
}

/** Nobody works on it, and its log says where its heads are. */
function quiet(simulation: Simulation): { domain: ExpectedDomain; target: string; path: string } | undefined {
  const { drawn, expected, states, underWay } = simulation;
  const off = [...expected.domains.values()].filter(({ id }) => simulation.guest(id) === "off");
  if (off.length === 0 || underWay.size > 0) return undefined;
  const domain = drawn.one(off);
  const state = states.get(domain.id);
  if (!state || state.operation) return undefined;
  const { target } = drawn.one(domain.disks);
  return { domain, target, path: headOf(state, target).file.path };
}

function offlineWrite(simulation: Simulation): void {
  const found = quiet(simulation);
  if (found) write(simulation, found.domain, found.target, found.path);
}

/** A disk is made longer or shorter while nobody uses it. */
function operatorActs(simulation: Simulation): void {
  const { drawn, world, expected } = simulation;
  const found = quiet(simulation);
  if (!found || world.freeBytes < 1_000_000) return;
  const { domain, target, path } = found;
  const sectors = 2 + drawn.below(7);
  simulation.tell(`${target} of ${domain.name} gets ${sectors} sectors, ${path}`);
  world.resize(path, sectors * sectorBytes);
  cutTo(world.file(path), sectors * sectorBytes);
  expected.resize(domain.id, target, sectors);
}

async function fateActs(simulation: Simulation): Promise<void> {
  const { drawn, world, climate, underWay, store } = simulation;
  const rough = climate.luck.diesPercent + climate.luck.failsPercent > 0;
  const dice = drawn.below(rough ? 9 : 2);
  const victim = [...underWay][drawn.below(underWay.size)];
  // A process that dies while it opens the log is not simulated.
  if (dice === 3 || dice === 4) await store.log().catch(() => undefined);
  if (dice === 0 && drawn.chance(50)) simulation.turnBack();
  if (dice === 1) victim?.abort.abort();
  if (dice === 2) victim?.manager.kill("by an operator");
  if (dice === 3) simulation.restart("the server is restarted");
  if (dice === 4) simulation.cutPower("as it happens");
  if (dice === 5) world.freeBytes = world.freeBytes > 2 ** 30 ? drawn.one([0, 100_000, 300_000]) : 2 ** 40;
  simulation.harsh ||= dice >= 5;
  if (dice === 5) simulation.tell(`${world.freeBytes} bytes are free`);
  if (dice < 6) return;
  const paths = [...world.files.keys()];
  const path = drawn.one(paths);
  simulation.tell(`a foreign process opens ${path}`);
  simulation.foreign.push(world.lock(path));
}

/** Recovery without any mishap, and twice: the second time there is nothing to do. */
async function recoverIdle(simulation: Simulation): Promise<void> {
  if (simulation.underWay.size > 0) return;
  const goOn = simulation.calm();
  await recoverAll(simulation, false);
  goOn();
}

export async function recoverAll(simulation: Simulation, folded: boolean): Promise<void> {
  const { states } = simulation;
  for (const id of states.keys()) {
    const outcome = await simulation.give({ type: "RecoverDomain", domain: id }, {}, noLuck);
    const revision = states.get(id)?.revision;
    if (!outcome) simulation.complain(`recovery of ${id} failed`);
    const again = await simulation.give({ type: "RecoverDomain", domain: id }, {}, noLuck);
    if (states.get(id)?.revision !== revision || !again) simulation.complain(`recovery of ${id} twice appends`);
    const state = states.get(id);
    if (!state) continue;
    const folds = foldsOf(state);
    if (simulation.guest(id) === "off" && folds > 0) simulation.complain(`${folds} folds of ${state.name} still wait`);
    simulation.judgeSettled(id, folded);
  }
}
