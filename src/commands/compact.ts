import { isSnapledgerError, SnapledgerError } from "../errors.ts";
import { ours } from "../hints.ts";
import type { Watch } from "../drivers/driver.ts";
import type { LayerId } from "../events/ids.ts";
import type { LayersCompacted, LayersRemoved } from "../events/events.ts";
import type { FileFacts } from "../events/records.ts";
import type { Fold } from "../projections/layers.ts";
import { BrokenGraph, garbage, headOf, layerOf, pendingFolds, reachable } from "../projections/layers.ts";
import type { DomainState, Layer } from "../projections/state.ts";
import { backingOf, leadsTo, lookAt, missingFiles, needsOperator } from "./links.ts";
import type { WrongFile } from "./links.ts";
import { isLoggedFile, differences } from "./logged-file.ts";
import type { Operation } from "./stage.ts";

/** How compaction ended: how many folds were done, how many are still to do, and what stopped them. */
export interface Compaction {
  readonly folded: number;
  readonly pending: readonly Fold[];
  readonly blockedBy: SnapledgerError | null;
}

/**
 * Does every pending fold, one layer at a time, the lowest of a disk first. A fold may be killed at any instant: until
 * its event, whoever reads through B reads right. What cannot be done now (no space, a lock, a running guest, Ctrl-C)
 * stays pending and appends nothing.
 */
export async function compact(operation: Operation, watch: Watch): Promise<Compaction> {
  const blocked = new Map<string, SnapledgerError>();
  let folded = 0;
  for (;;) {
    const pending = foldsOf(operation.state);
    const next = pending.find(({ target }) => !blocked.has(target));
    if (!next) return { folded, pending, blockedBy: [...blocked.values()][0] ?? null };
    try {
      await fold(operation, next, watch);
      folded++;
    } catch (error) {
      if (!isBlocking(error)) throw error;
      blocked.set(next.target, error);
    }
  }
}

/**
 * The same, where folds that were tried before were cut short, by a failing call or under a guest that has stopped since:
 * the links that they moved are put back before a layer that they lead to is folded.
 */
export async function compactAgain(operation: Operation, watch: Watch): Promise<Compaction> {
  try {
    await restoreLinks(operation, watch);
  } catch (error) {
    if (!isBlocking(error)) throw error;
    return { folded: 0, pending: foldsOf(operation.state), blockedBy: error };
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
  const codes = ["IMAGE_LOCKED", "DISK_FULL", "INTERRUPTED", "DRIVER_FAILED", "NEEDS_OPERATOR", ...guest];
  return isSnapledgerError(error) && codes.includes(error.code);
}

/** The layers that a running guest reads and writes, which QEMU holds; none when it is off. */
function guestChain(state: DomainState): Set<LayerId> {
  const chain = new Set<LayerId>();
  if (state.guest === "off") return chain;
  for (const target of state.disks) {
    for (let id: LayerId | null = headOf(state, target).id; id !== null; id = layerOf(state, id).backing) chain.add(id);
  }
  return chain;
}

async function fold(operation: Operation, { target, into, from, dependents, snapshots }: Fold, watch: Watch) {
  const { driver, state } = operation;
  const [upper, lower] = [backingOf(from), backingOf(into)];
  const seen = await driver.observe(lower);
  const content = await driver.observe(upper);
  if (!seen || !content) throw missingFiles(state, [...(seen ? [] : [lower.path]), ...(content ? [] : [upper.path])]);
  if (into.backing === null) checkSameFile(state, into.file, seen.facts);
  await checkLinks(operation, [from, ...dependents]);
  const live = guestChain(state).has(into.id);
  if (live) {
    checkCut(state, seen.facts, content.facts);
    await driver.commitLive(state.id, { from: upper, into: lower }, watch);
  } else {
    await driver.commit({ from: upper, into: lower }, watch);
    // A larger A would show its own bytes past B's end to whatever is larger than B. A base image is never larger.
    if (into.backing !== null) await driver.shrink(lower, content.facts.virtualBytes, watch);
  }
  for (const dependent of dependents) await driver.repoint(backingOf(dependent), lower, watch);
  // What leaks under a guest wastes space until the file is next folded into, and nothing else.
  if (!live) await driver.repairLeaks(lower, watch);
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

/** What does not read through `from` would read something else once it was re-pointed. */
async function checkLinks({ driver, state }: Operation, layers: readonly Layer[]): Promise<void> {
  const wrong: WrongFile[] = [];
  for (const layer of layers) {
    const { wrong: one } = await lookAt(driver, state, layer);
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

/** A file that a guest reads cannot be cut, and a larger one would show its own bytes past the end of what it takes. */
function checkCut(state: DomainState, into: FileFacts, from: FileFacts): void {
  if (into.virtualBytes <= from.virtualBytes) return;
  const message = `A file of "${state.name}" has to be cut to another's size, and its running guest reads it.`;
  const hint = `It goes on when the guest is stopped: ${ours("compact", state.name)}.`;
  throw new SnapledgerError("DOMAIN_RUNNING", message, { facts: { path: into.path }, hint });
}

/** A base image that was replaced since is not the one whose only user we are. */
function checkSameFile(state: DomainState, logged: FileFacts, seen: FileFacts): void {
  if (isLoggedFile(logged, seen)) return;
  const message = `${logged.path} is another file than the log knows: it differs in ${differences(logged, seen)}.`;
  throw new SnapledgerError("NEEDS_OPERATOR", message, {
    facts: { domain: state.name, path: logged.path, logged, seen },
    hint: "Put the file that was there back ('cp -a' keeps its time); the content to be written into it is kept until then.",
  });
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
export async function restoreLinks({ driver, state }: Operation, watch: Watch): Promise<string[]> {
  const restored: string[] = [];
  if (foldsOf(state).length === 0) return restored;
  const heads = new Set(Object.values(state.heads));
  const faults: WrongFile[] = [];
  const held = guestChain(state);
  for (const id of reachable(state)) {
    if (held.has(id)) continue;
    const layer = layerOf(state, id);
    const { seen, wrong } = await lookAt(driver, state, layer);
    if (wrong && !heads.has(id)) faults.push(wrong);
    if (!seen || wrong || layer.backing === null) continue;
    const backing = backingOf(layerOf(state, layer.backing));
    if (leadsTo(seen, backing)) continue;
    await driver.repoint(backingOf(layer), backing, watch);
    restored.push(layer.file.path);
  }
  if (faults.length > 0) throw needsOperator(state, faults);
  return restored;
}
