import { readDirectory, readDomainState, readFiles, nothingCached } from "../../src/queries/cache/cached-states.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { domainLimits } from "../../src/commands/rules/limits.ts";
import { parseDomain, writeDirectory, writeDomain, writeFileDirectory } from "../../src/projections/serialize.ts";
import { apply } from "../../src/projections/domain.ts";
import { emptyState } from "../../src/projections/state.ts";
import { Random } from "../support/random.ts";
import { act, recoverAll } from "./acts.ts";
import { profileOf, profileOfMovedLinks, profileOfSizes } from "./run-profile.ts";
import type { RunProfile } from "./run-profile.ts";
import { limits } from "./expected.ts";
import type { SimulatedStore } from "./store.ts";
import { Failpoints } from "./failpoints.ts";
import { profileTowards, targetFailpointOf } from "./target-failpoint.ts";
import { chainBroken } from "./oracle.ts";
import { noFaults } from "./manager.ts";
import { Simulation } from "./simulation.ts";

export interface Report {
  readonly seed: number;
  readonly records: number;
  readonly counts: Simulation["counts"];
  /** The last record's hash: the same for the same seed. */
  readonly hash: string;
  readonly wrong: readonly string[];
  readonly steps: readonly string[];
}

/** Of so many seeds one leans to links that a fold has moved, unless it is directed. */
const movedLinks = 10;

/** And so many after each of those lean to disks of changing sizes. */
const changingSizes = [3, 5, 7];

/** One seed is one run. `verbose`: each step is told. */
export async function simulate(seed: number, failpoints = new Failpoints(), verbose = false): Promise<Report> {
  Object.assign(domainLimits, limits);
  const drawn = new Random(seed);
  const targetFailpoint = targetFailpointOf(seed, drawn);
  const anywhere = profileOf(drawn);
  const undirected = undirectedProfile(seed, drawn, anywhere);
  const profile = targetFailpoint ? profileTowards(targetFailpoint, drawn, anywhere) : undirected;
  const simulation = new Simulation({ seed, profile, targetFailpoint, drawn, failpoints, verbose });
  const { stackTraceLimit } = Error;
  // Thousands of refusals are thrown, and nobody looks where; a run that fails is run again, verbosely.
  if (!verbose) Error.stackTraceLimit = 0;
  const immediate = globalThis.setImmediate;
  globalThis.setImmediate = simulation.scheduler.later as typeof setImmediate;
  try {
    await simulation.scheduler.run(() => lifeOf(simulation));
  } catch (error) {
    simulation.complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    // Whoever is still at work stands still before the next run begins.
    await new Promise((resolve) => immediate(resolve));
    globalThis.setImmediate = immediate;
    Error.stackTraceLimit = stackTraceLimit;
  }
  const { records, counts, wrong, steps } = simulation;
  return { seed, records: records.length, counts, hash: records.at(-1)?.hash ?? "", wrong, steps };
}

function undirectedProfile(seed: number, drawn: Random, anywhere: RunProfile): RunProfile {
  if (seed % movedLinks === 0) return profileOfMovedLinks(anywhere);
  return changingSizes.includes(seed % movedLinks) ? profileOfSizes(anywhere, drawn) : anywhere;
}

async function lifeOf(simulation: Simulation): Promise<void> {
  await simulation.begin();
  for (let step = 0; step < simulation.profile.steps; step++) {
    await act(simulation);
    simulation.judge();
    if (simulation.wrong.length > 0) return;
  }
  await simulation.idle();
  await endOf(simulation);
  // Of the log's beginning alone nothing can be lost but all of it.
  const more = simulation.records.length > 1;
  if (simulation.store.betray && more && simulation.wrong.length === 0) await beBetrayed(simulation, simulation.store);
}

/** A disk that loses what it had said to keep is found out, whoever opens the log, and as often as they do. */
async function beBetrayed(simulation: Simulation, store: SimulatedStore): Promise<void> {
  const { drawn, acknowledged, records } = simulation;
  simulation.cutPower("and the disk had lied");
  const of = drawn.one(["tail", "bit"] as const);
  const left = store.betray?.(of) ?? 0;
  simulation.tell(`of the ${of}, ${left} records are left of ${acknowledged}`);
  for (let attempt = 0; attempt < 2; attempt++) {
    const code = await store.log().then(
      () => "nothing",
      (error: unknown) => (isSnapledgerError(error) ? error.code : String(error)),
    );
    // Between the two: what was written, and nobody was told of, may have reached the head file.
    const may =
      left < acknowledged ? ["LOG_DAMAGED"] : left < records.length ? ["LOG_DAMAGED", "nothing"] : ["nothing"];
    if (!may.includes(code))
      simulation.complain(`${left} records are left of ${acknowledged}, and who opens the log is told ${code}`);
    store.restart(false);
  }
}

/** Everything is put right again, and then everything has to be right. */
async function endOf(simulation: Simulation): Promise<void> {
  simulation.tell("the end");
  simulation.calm();
  const running = [...simulation.expected.domains.keys()].filter((id) => simulation.guest(id) !== "off");
  if (running.length > 0) await recoverAll(simulation, false);
  for (const id of running) {
    const stopped = await simulation.give({ type: "DestroyDomain", domain: id }, {}, noFaults);
    if (!stopped) simulation.complain(`the guest of ${id} cannot be stopped`);
  }
  await recoverAll(simulation, true);
  simulation.judge();
  await judgeLog(simulation);
}

/** The log as an honest reader finds it: whole, linked, and folded to the same by every way there is. */
async function judgeLog(simulation: Simulation): Promise<void> {
  const { store, records, states, directory, drawn } = simulation;
  const lines = await store.lines();
  for (const fault of chainBroken(lines, records)) simulation.complain(fault);
  if (lines.length !== records.length)
    simulation.complain(`${records.length} records were written, ${lines.length} are there`);
  const log = await store.log();
  for (const live of states.values()) {
    const text = writeDomain(live);
    const folded = await readDomainState(log, live.id, nothingCached);
    if (writeDomain(folded) !== text) simulation.complain(`the fold of ${live.id} is not its live state`);
    const own = records.filter(({ domain }) => domain === live.id);
    const from = drawn.below(own.length);
    const before = emptyState(live.id);
    for (const record of own.slice(0, from)) apply(before, record);
    const resumed = parseDomain(writeDomain(before), live.id);
    if (!resumed) {
      simulation.complain(`the checkpoint of ${live.id} at ${from} is none`);
      continue;
    }
    for (const record of own.slice(from)) apply(resumed, record);
    if (writeDomain(resumed) !== text) simulation.complain(`from its checkpoint at ${from}, ${live.id} is another`);
  }
  if (writeDirectory(await readDirectory(log, nothingCached)) !== writeDirectory(directory))
    simulation.complain("the directory is not what it was kept up to be");
  if (writeFileDirectory(await readFiles(log, nothingCached)) !== writeFileDirectory(simulation.fileDirectory))
    simulation.complain("whose file is which is not what it was kept up to be");
}
