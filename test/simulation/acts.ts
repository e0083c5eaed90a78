import { clusterBytes, cutTo } from "../../src/drivers/memory/content.ts";
import type { World } from "../../src/drivers/memory.ts";
import { headOf, isBegun, pendingFolds } from "../../src/projections/layers.ts";
import type { Fold } from "../../src/projections/layers.ts";
import type { DomainState, Layer } from "../../src/projections/state.ts";
import { askedOf } from "./commands.ts";
import type { ExpectedDomain } from "./expected.ts";
import { filledWith, sectorBytes } from "./files.ts";
import { noLuck } from "./manager.ts";
import { foldsOf } from "./simulation.ts";
import type { Simulation } from "./simulation.ts";

/** What people, guests and fate do in a run: one drawn act at a time. */

export async function act(simulation: Simulation): Promise<void> {
  const { drawn, climate, scheduler, underWay } = simulation;
  await simulation.fewer(climate.atOnce);
  if (simulation.broken && drawn.chance(50)) simulation.restart("the server is restarted, since its log is broken");
  // Where disks change their sizes, they often do.
  const dice = climate.leaning === "bases" && drawn.chance(30) ? 80 : drawn.below(100);
  if (dice < 60) void simulation.give(...askedOf(simulation));
  else if (dice < 78) guestActs(simulation);
  else if (dice < 84) operatorActs(simulation);
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
  const { drawn, world, expected, climate } = simulation;
  const found = quiet(simulation);
  if (!found || world.freeBytes < 1_000_000) return;
  const { domain, target, path } = found;
  // A large snapshot on the base, and a smaller one on that.
  const first = domain.model.snapshots.size === 0;
  const sectors = climate.leaning === "bases" ? (first ? 8 : 5 + drawn.below(3)) : 2 + drawn.below(7);
  simulation.tell(`${target} of ${domain.name} gets ${sectors} sectors, ${path}`);
  const { bytes } = world.file(path);
  world.resize(path, sectors * sectorBytes);
  cutTo(world.file(path), sectors * sectorBytes);
  // What hides a larger file below takes room in this one.
  expected.resize(domain.id, target, sectors, world.file(path).bytes !== bytes);
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
