import { clusterBytes, cutTo } from "../../src/drivers/memory/content.ts";
import type { World } from "../../src/drivers/memory/index.ts";
import { headOf, isBegun, layerOf, mayDiffer, pendingFolds, reachable } from "../../src/projections/layers.ts";
import type { Fold } from "../../src/projections/layers.ts";
import type { DomainState, Layer } from "../../src/projections/state.ts";
import type { Command } from "../../src/events/command.ts";
import { askedOf } from "./commands.ts";
import type { ExpectedDomain } from "./expected.ts";
import { filledWith, sectorBytes, sectorsIn } from "./files.ts";
import { noFaults } from "./manager.ts";
import { foldsOf } from "./simulation.ts";
import type { Simulation } from "./simulation.ts";

/** What people, guests and fate do in a run: one drawn act at a time. */

export async function act(simulation: Simulation): Promise<void> {
  const { drawn, profile, scheduler, underWay } = simulation;
  await simulation.fewer(profile.atOnce);
  if (simulation.broken && drawn.chance(50)) simulation.restart("the server is restarted, since its log is broken");
  // Where disks change their sizes, they often do.
  const resizes = profile.leaning === "bases" ? 30 : profile.leaning === "sizes" ? 40 : 0;
  const dice = drawn.chance(resizes) ? 80 : drawn.below(100);
  if (dice < 60) void simulation.give(...askedOf(simulation));
  else if (dice < 78) guestActs(simulation);
  else if (dice < 84) operatorActs(simulation);
  else if (dice < 86) bootsByHand(simulation);
  else if (dice < 88) await tampers(simulation);
  else if (dice < 97) await fateActs(simulation);
  else await recoverIdle(simulation);
  if (drawn.chance(10)) simulation.checkpoint();
  for (let turns = drawn.below(40); turns > 0 && underWay.size > 0; turns--) await scheduler.turn();
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
  if (drawn.chance(10)) return simulation.endGuest(domain);
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
  const { drawn, world, profile } = simulation;
  const found = quiet(simulation);
  if (!found || world.freeBytes < 1_000_000) return;
  const { domain, target, path } = found;
  // A large snapshot on the base, and a smaller one on that.
  const first = domain.model.snapshots.size === 0;
  const sectors = profile.leaning === "bases" ? (first ? 8 : 5 + drawn.below(3)) : 2 + drawn.below(7);
  if (profile.leaning === "sizes" && drawn.chance(50)) writeBehind(simulation, domain, target, path, sectors);
  simulation.tell(`${target} of ${domain.name} gets ${sectors} sectors, ${path}`);
  resize(simulation, domain, target, path, sectors);
}

/**
 * What hides a larger file below takes room in this one. What the tool shows of this file's own last cluster is the guest's
 * to read from then on.
 */
function resize(simulation: Simulation, { id }: ExpectedDomain, target: string, path: string, sectors: number): void {
  const { world, expected } = simulation;
  const { bytes, virtualBytes } = world.file(path);
  world.resize(path, sectors * sectorBytes);
  cutTo(world.file(path), sectors * sectorBytes);
  expected.resize(id, target, sectors, world.file(path).bytes !== bytes);
  const shown = sectorsIn(world, path);
  if (typeof shown === "string") return simulation.complain(shown);
  for (let n = virtualBytes / sectorBytes; n < sectors; n++) {
    const byte = shown[n] ?? 0;
    if (byte !== 0) expected.write(id, target, n, byte);
  }
}

/** The disk is longer first, and something is written where its end will be. */
function writeBehind(simulation: Simulation, domain: ExpectedDomain, target: string, path: string, end: number): void {
  const { world, expected, drawn } = simulation;
  resize(simulation, domain, target, path, end + 2);
  for (const sector of [end - 1, end]) {
    const byte = 1 + drawn.below(200);
    world.write(path, sector * sectorBytes, filledWith(byte));
    expected.write(domain.id, target, sector, byte);
  }
}

/** Somebody runs a guest on a head by other means, and that is killed: the head is marked as left half-way. */
function bootsByHand(simulation: Simulation): void {
  const found = quiet(simulation);
  if (!found) return;
  simulation.tell(`${found.path} is left half-way`);
  const file = simulation.world.file(found.path);
  file.fault = { dirty: true, why: "was left half-way (drawn)" };
  file.mtimeNs += 1_000_000n;
}

/**
 * Somebody writes to a frozen file behind the log, and puts it back as it was when others have met it: in between nobody
 * may build on it, nor fold it.
 */
async function tampers(simulation: Simulation): Promise<void> {
  const { drawn, world, states } = simulation;
  const domain = quiet(simulation)?.domain;
  const state = domain && states.get(domain.id);
  if (!domain || !state) return;
  const free = mayDiffer(state, pendingFolds(state));
  const frozen = [...reachable(state)].filter((id) => !free.has(id));
  if (frozen.length === 0) return;
  const { path } = layerOf(state, drawn.one(frozen)).file;
  const file = world.file(path);
  const { clusters, mtimeNs } = file;
  const was = new Map(clusters);
  simulation.tell(`somebody writes to ${path}`);
  clusters.set(0, new Uint8Array(clusterBytes).fill(0xee));
  file.mtimeNs += 1n;
  simulation.tampered = path;
  for (let n = 1 + drawn.below(2); n > 0; n--) {
    const [command] = askedOf(simulation);
    const building = buildsOnFiles.has(command.type) ? command : null;
    await simulation.give({ ...(building ?? { type: "CompactDomain" }), domain: domain.id } as Command, {}, noFaults);
  }
  simulation.tampered = null;
  clusters.clear();
  for (const [index, cluster] of was) clusters.set(index, cluster);
  file.mtimeNs = mtimeNs;
  simulation.tell(`${path} is put back`);
}

/** Others read what a base image holds now, and are right to. */
const buildsOnFiles = new Set([
  "MergeSnapshot",
  "CreateWithSnapshot",
  "StartDomain",
  "CreateSnapshot",
  "DiscardSnapshot",
]);

async function fateActs(simulation: Simulation): Promise<void> {
  const { drawn, world, profile, underWay, store } = simulation;
  const rough = profile.faultRates.diesPercent + profile.faultRates.failsPercent > 0;
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
    const outcome = await simulation.give({ type: "RecoverDomain", domain: id }, {}, noFaults);
    const revision = states.get(id)?.revision;
    if (!outcome) simulation.complain(`recovery of ${id} failed`);
    const again = await simulation.give({ type: "RecoverDomain", domain: id }, {}, noFaults);
    if (states.get(id)?.revision !== revision || !again) simulation.complain(`recovery of ${id} twice appends`);
    const state = states.get(id);
    if (!state) continue;
    const folds = foldsOf(state);
    if (simulation.guest(id) === "off" && folds > 0) simulation.complain(`${folds} folds of ${state.name} still wait`);
    for (const path of foldsNotCut(simulation, state)) simulation.complain(`the fold into ${path} waits under a guest`);
    simulation.judgeSettled(id, folded);
  }
}

/** Folds that are left under a running guest, but for those that have to wait, or that one which has begun holds up. */
function foldsNotCut({ world }: Simulation, state: DomainState): string[] {
  const bytes = ({ file }: Layer) => world.files.get(file.path)?.virtualBytes ?? 0;
  const folds = pendingFolds(state).map((fold) => ({
    ...fold,
    mustStop: bytes(fold.into) > bytes(fold.from) || showsOldBytes(world, fold),
  }));
  const heldUp = new Set(
    folds.flatMap(({ target, into, from, mustStop }) => (mustStop && isBegun(state, into.id, from.id) ? [target] : [])),
  );
  return folds
    .filter(({ target, into, from, mustStop }) => {
      const comesLast = into.backing === null && state.baseRoles[target] !== from.id;
      return !mustStop && !comesLast && !heldUp.has(target);
    })
    .map(({ into }) => into.file.path);
}

/** Whether the lower file, made as long as the upper one, would read otherwise where the upper one holds nothing. */
function showsOldBytes(world: World, { into, from }: Fold): boolean {
  const [lower, upper] = [world.files.get(into.file.path), world.files.get(from.file.path)];
  if (!lower || !upper || lower.format === "raw") return false;
  const below = lower.backing && world.files.get(lower.backing.path);
  const end = Math.min(into.file.virtualBytes, lower.virtualBytes);
  for (let at = end; at < upper.virtualBytes; at += sectorBytes) {
    if (upper.clusters.has(Math.floor(at / clusterBytes))) continue;
    const own = lower.clusters.get(Math.floor(at / clusterBytes))?.[at % clusterBytes] ?? 0;
    if (own !== 0 || (below && below.virtualBytes > at)) return true;
  }
  return false;
}
