import { isSnapledgerError, cliCommand, SnapledgerError } from "../../errors.ts";
import { unfitImage } from "../../drivers/errors.ts";
import type { StepOptions } from "../../drivers/driver.ts";
import type { LayerId } from "../../events/ids.ts";
import type { LayersCompacted, LayersRemoved } from "../../events/events.ts";
import type { FileFacts } from "../../events/records.ts";
import type { Fold } from "../../projections/layers.ts";
import {
  BrokenGraph,
  garbage,
  guestLayers,
  isBegun,
  layerOf,
  pendingFolds,
  reachable,
} from "../../projections/layers.ts";
import type { DomainState, Layer } from "../../projections/state.ts";
import { allOf } from "../facts/each-of.ts";
import { changedFiles } from "../facts/changed.ts";
import { backingOf, hasBacking, inspectLayer, missingFiles, needsOperator } from "../facts/links.ts";
import type { WrongFile } from "../rules/wrong-files.ts";
import { changedFilesStop } from "../rules/logged-file.ts";
import type { Operation } from "../context.ts";

/** How compaction ended: how many folds were done, how many are still to do, and what stopped them. */
export interface Compaction {
  readonly folded: number;
  /** Those that wait among them. */
  readonly pending: readonly Fold[];
  /** What stopped a disk; null: nothing, and every fold that is left waits. */
  readonly blockedBy: SnapledgerError | null;
  /** Why a fold waits that was looked at. */
  readonly waitsFor: SnapledgerError | null;
}

/**
 * Does every pending fold, one layer at a time, the lowest of a disk first. A fold may be killed at any instant: until
 * its event, what reads through B reads right. What cannot be done now (no space, a lock, Ctrl-C) stops its disk, stays
 * pending and appends nothing more. What waits for the running guest to stop, stops nothing.
 */
export async function compact(operation: Operation, watch: StepOptions): Promise<Compaction> {
  const blocked = new Map<string, SnapledgerError>();
  const waiting = new Map<LayerId, SnapledgerError>();
  let folded = 0;
  for (;;) {
    const pending = foldsOf(operation.state);
    const next = pending.find(({ target, into, waits }) => !waits && !blocked.has(target) && !waiting.has(into.id));
    if (!next) {
      const [blockedBy = null] = blocked.values();
      const [waitsFor = null] = [...waiting.values(), ...waitsToldOf(operation.state, pending)];
      return { folded, pending, blockedBy, waitsFor };
    }
    try {
      await fold(operation, next, watch);
      folded++;
    } catch (error) {
      if (!isBlocking(error)) throw error;
      const { target, into, from } = next;
      const waits = error.code === "DOMAIN_RUNNING" && !isBegun(operation.state, into.id, from.id);
      if (waits) waiting.set(into.id, error);
      else blocked.set(target, error);
    }
  }
}

function waitsToldOf(state: DomainState, pending: readonly Fold[]): SnapledgerError[] {
  return pending.flatMap(({ waits, into }) => (waits === "guest" ? [mustStop(state, into, "cut")] : []));
}

/**
 * The same, where folds that were tried before were cut short, by a failing call or under a guest that has stopped since:
 * the links that they moved are put back before a layer that they lead to is folded.
 */
export async function compactAgain(operation: Operation, watch: StepOptions): Promise<Compaction> {
  try {
    await restoreLinks(operation, watch);
  } catch (error) {
    if (!isBlocking(error)) throw error;
    return { folded: 0, pending: foldsOf(operation.state), blockedBy: error, waitsFor: null };
  }
  return compact(operation, watch);
}

/** The pending folds; NEEDS_OPERATOR when the graph is not one that folds can be planned from. */
export function foldsOf(state: DomainState): Fold[] {
  try {
    return pendingFolds(state);
  } catch (error) {
    if (!(error instanceof BrokenGraph)) throw error;
    const hint = "Nothing was folded. Keep the store and the files as they are and report this as a fault.";
    throw new SnapledgerError("NEEDS_OPERATOR", `The layers of "${state.name}" do not add up: ${error.message}.`, {
      facts: { domain: state.name },
      hint,
    });
  }
}

export function isBlocking(error: unknown): error is SnapledgerError {
  const guest = ["DOMAIN_RUNNING", "GUEST_GONE", "GUEST_BUSY"];
  const codes = [
    "IMAGE_LOCKED",
    "DISK_FULL",
    "INTERRUPTED",
    "DRIVER_FAILED",
    "NEEDS_OPERATOR",
    "IMAGE_INVALID",
    ...guest,
  ];
  return isSnapledgerError(error) && codes.includes(error.code);
}

async function fold(operation: Operation, next: Fold, watch: StepOptions) {
  const { driver, state } = operation;
  const { target, into, from, dependents, snapshots } = next;
  const [upper, lower] = [backingOf(from), backingOf(into)];
  const seen = await driver.observe(lower);
  const content = await driver.observe(upper);
  if (!seen || !content) throw missingFiles(state, [...(seen ? [] : [lower.path]), ...(content ? [] : [upper.path])]);
  await checkLinks(operation, [from, ...dependents]);
  const changed = await changedFiles(driver, state, [from, ...dependents]);
  if (changed.length > 0) throw changedFilesStop(state.name, changed);
  const live = guestLayers(state).has(into.id);
  // A base image is never larger.
  if (live && seen.facts.virtualBytes > content.facts.virtualBytes) throw mustStop(state, into, "cut");
  const step = { from: upper, into: lower, end: into.file.virtualBytes };
  const underWay = live && (await driver.isCommitting(state.id, upper));
  if (!underWay) await checkWritable(operation, into, watch);
  if (live) {
    if (!underWay && !(await driver.canCommitLive(step))) throw mustStop(state, into, "grow");
    await announce(operation, next);
    await driver.commitLive(state.id, step, watch);
  } else {
    await announce(operation, next);
    await driver.commit(step, watch);
    // A larger A would show its own bytes past B's end to whatever is larger than B.
    if (into.backing !== null) await driver.shrink(lower, content.facts.virtualBytes, watch);
  }
  await allOf([
    // What leaks under a guest wastes space until the file is next folded into, and nothing else.
    live ? Promise.resolve() : driver.repairLeaks(lower, watch),
    driver.leftOut({ from: upper, into: lower }).then((lost) => {
      if (lost !== null) throw notAllThere(upper.path, lower.path, lost);
    }),
  ]);
  for (const dependent of dependents) await driver.repoint(backingOf(dependent), lower, watch);
  const file = await factsOf(operation, into);
  const repointed: Repointed[] = [];
  for (const layer of dependents) repointed.push({ layer: layer.id, file: await factsOf(operation, layer) });
  await operation.append({
    type: "LayersCompacted",
    schema: 1,
    data: {
      ...{ target, from: from.id, into: into.id, generation: into.generation + 1, file },
      ...{ repointed, snapshots },
    },
  });
  await removeGarbage(operation);
}

/** Before the first byte: from here on, and for these files alone, the log is behind what is on disk. */
async function announce(operation: Operation, { target, into, from, dependents }: Fold): Promise<void> {
  const repoint = dependents.map(({ id }) => id);
  const begun = operation.state.begunFolds[target];
  if (begun?.into === into.id && begun.from === from.id && repoint.every((id) => begun.repoint.includes(id))) return;
  await operation.append({ type: "FoldStarted", schema: 1, data: { target, from: from.id, into: into.id, repoint } });
}

/** What a person has to repair first stops the disk. */
async function checkWritable({ driver, state }: Operation, into: Layer, watch: StepOptions): Promise<void> {
  const fault = await driver.imageFault(backingOf(into), watch, { unlessKnownSound: true });
  if (!fault) return;
  const { message, facts, hint = "" } = unfitImage(into.file.path, fault.why);
  throw new SnapledgerError("NEEDS_OPERATOR", message, { facts: { domain: state.name, ...facts }, hint });
}

/** Nothing is unlinked: what the tool left out is in B, which everything still reads. */
function notAllThere(from: string, into: string, lost: string): SnapledgerError {
  const message = `The commit of "${from}" into "${into}" ended well by its own word, but ${lost}.`;
  const hint = "Nothing was removed. Look at the version of QEMU and at its disk, then try again.";
  return new SnapledgerError("DRIVER_FAILED", message, { facts: { from, into }, hint });
}

/** What does not read through `from` would read something else once it was re-pointed. */
async function checkLinks({ driver, state }: Operation, layers: readonly Layer[]): Promise<void> {
  const wrong: WrongFile[] = [];
  for (const layer of layers) {
    const { wrong: one } = await inspectLayer(driver, state, layer);
    if (one) wrong.push(one);
  }
  if (wrong.length > 0) throw needsOperator(state, wrong);
}

type Repointed = LayersCompacted["data"]["repointed"][number];

async function factsOf({ driver, state }: Operation, layer: Layer): Promise<FileFacts> {
  const seen = await driver.observe(backingOf(layer));
  if (!seen) throw missingFiles(state, [layer.file.path]);
  return seen.facts;
}

/** What a running guest reads cannot be cut; and QEMU lets nobody clear what a file would show once it grows. */
function mustStop(state: DomainState, { file: { path } }: Layer, why: "cut" | "grow"): SnapledgerError {
  const what = why === "cut" ? "has to be cut to another's size" : "has to grow, and would show old bytes of its own";
  const message = `A file of "${state.name}" ${what}, and its running guest reads it.`;
  const hint = `It goes on when the guest is stopped: ${cliCommand("compact", state.name)}.`;
  return new SnapledgerError("DOMAIN_RUNNING", message, { facts: { path }, hint });
}

/** Files that were unlinked, and what kept others from it: they are tried again by the next command. */
export interface Removal {
  readonly removed: readonly string[];
  readonly blockedBy: SnapledgerError | null;
}

/** Unlinks the domain's files that nothing refers to by the log, and says so in it. */
export async function removeGarbage(operation: Operation): Promise<Removal> {
  const { driver, state } = operation;
  const layers = garbage(state).map(({ id, file }) => ({ layer: id, path: file.path, bytes: file.bytes }));
  const loose = state.looseMemories.map(({ path, bytes }) => ({ layer: null, path, bytes }));
  const files: LayersRemoved["data"]["files"][number][] = [];
  let blockedBy: SnapledgerError | null = null;
  for (const file of [...layers, ...loose]) {
    try {
      await driver.remove(file.path);
      files.push(file);
    } catch (error) {
      if (!isSnapledgerError(error)) throw error;
      blockedBy = error;
    }
  }
  for (let i = 0; i < files.length; i += filesPerEvent) {
    const data: LayersRemoved["data"] = { files: files.slice(i, i + filesPerEvent) };
    await operation.append({ type: "LayersRemoved", schema: 1, data });
  }
  return { removed: files.map(({ path }) => path), blockedBy };
}

/** Keeps records small. */
const filesPerEvent = 1000;

/**
 * Puts links that an unfinished fold moved back to what the log says: both ways read the same as long as B is there, and
 * a fold that follows must find the chain that it was planned on. A layer that leads anywhere else would read something
 * else then: NEEDS_OPERATOR. Such a head stops only what needs it. A running guest's own chain is left alone: QEMU holds
 * it, and knows how far it has got.
 */
export async function restoreLinks(operation: Operation, watch: StepOptions): Promise<string[]> {
  const { driver, state } = operation;
  const restored: string[] = [];
  if (foldsOf(state).length === 0) return restored;
  const heads = new Set(Object.values(state.heads));
  const faults: WrongFile[] = [];
  const held = guestLayers(state);
  for (const id of reachable(state)) {
    if (held.has(id)) continue;
    const layer = layerOf(state, id);
    const { seen, wrong } = await inspectLayer(driver, state, layer);
    if (wrong && !heads.has(id)) faults.push(wrong);
    if (!seen || wrong || layer.backing === null) continue;
    const backing = backingOf(layerOf(state, layer.backing));
    if (hasBacking(seen, backing)) continue;
    // An older program may have begun the fold that moved it, without a word.
    const fold = foldsOf(state).find(({ dependents }) => dependents.some((one) => one.id === id));
    if (fold) await announce(operation, fold);
    await driver.repoint(backingOf(layer), backing, watch);
    restored.push(layer.file.path);
  }
  if (faults.length > 0) throw needsOperator(state, faults);
  return restored;
}
