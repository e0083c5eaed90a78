import type { Driver, ObservedFile, StepOptions } from "../../drivers/driver.ts";
import type { DefineDomain } from "../../events/command.ts";
import type { Target } from "../../events/ids.ts";
import type { FileFacts, FileIdentity, ImageFacts, MemoryFile } from "../../events/records.ts";
import type { Directory } from "../../projections/directory.ts";
import { definingIdOf, domainIdOf } from "../../projections/directory.ts";
import type { BaseUse, FileDirectory, OwnFile } from "../../projections/file-directory.ts";
import { baseUses, ownersOf, pendingBaseAt } from "../../projections/file-directory.ts";
import { headOf, layerOf } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import type { BaseFacts, DefineFacts, Facts, MemoryFacts } from "../rules/decision.ts";
import { checkFit } from "./fit.ts";
import { backingOf, inspectLayer } from "./links.ts";
import type { WrongFile } from "../rules/wrong-files.ts";

/** The facts that rules decide on, gathered from files and guests. Nothing here changes anything. */

export async function observe(driver: Driver, state: DomainState, time: string): Promise<Facts> {
  const { heads, wrongHeads } = await lookAtHeads(driver, state);
  const { supports } = driver;
  const freeBytes = state.layersFolder === "" ? 0 : await driver.freeBytes(state.layersFolder);
  const guest = await driver.guestState(state.id);
  const written = guest === "off" ? [] : await driver.guestWrites(state.id);
  return {
    ...{ time, supports, guest, heads, freeBytes },
    ...(wrongHeads.length > 0 && { wrongHeads }),
    ...(written.length > 0 && { written }),
  };
}

/** What each head's file is now, and which of them are not what the log says. */
export async function lookAtHeads(
  driver: Driver,
  state: DomainState,
): Promise<{ heads: Record<Target, FileFacts>; wrongHeads: WrongFile[] }> {
  const heads: Record<Target, FileFacts> = {};
  const wrongHeads: WrongFile[] = [];
  for (const target of state.disks) {
    const { seen, wrong } = await inspectLayer(driver, state, headOf(state, target));
    if (seen) heads[target] = seen.facts;
    if (wrong) wrongHeads.push(wrong);
  }
  return { heads, wrongHeads };
}

/** What a start from a memory has to know of it. */
export async function observeMemory(driver: Driver, memory: MemoryFile): Promise<MemoryFacts> {
  const bytes = (await driver.observe({ path: memory.path, format: "raw" }))?.facts.bytes ?? null;
  const machines = memory.machine ? await driver.machines() : null;
  // Of one with another length, the length is reason enough.
  const fault = bytes === memory.bytes ? await driver.memoryFault(memory) : null;
  return { bytes, machines, ...(fault !== null && { fault }) };
}

/** What a merge into the base has to know of each disk's base image. */
export async function observeBases(
  driver: Driver,
  state: DomainState,
  directory: FileDirectory,
): Promise<Record<Target, BaseFacts>> {
  const seen = baseUses(directory).map(async (use) => {
    // A domain that was undefined and whose files were removed since uses nothing any more.
    const left = use.kept ? await firstThere(driver, use.left) : null;
    return left === undefined ? [] : [{ use, left, now: await driver.identify(use.path).catch(() => undefined) }];
  });
  const uses = (await Promise.all(seen)).flat();
  const facts: Record<Target, BaseFacts> = {};
  for (const target of state.disks) {
    const seen = await driver.observe(backingOf(layerOf(state, state.bases[target])));
    const others = uses.filter(({ use }) => !isOwn(use, state, target));
    const users = seen ? others.filter(({ use, now }) => isSame(seen, use) || (now && isSame(seen, now))) : [];
    facts[target] = {
      file: seen?.facts ?? null,
      writable: seen?.writable ?? false,
      users: [...new Set(users.map(({ use, left }) => userName(use, left)))],
    };
  }
  return facts;
}

function userName({ domainName, target }: BaseUse, left: OwnFile | null): string {
  return `${domainName} ${target}${left ? ` (files that undefine left, such as ${left.path})` : ""}`;
}

async function firstThere(driver: Driver, files: readonly OwnFile[]): Promise<OwnFile | undefined> {
  for (const file of files) if (!(await isGone(driver, file))) return file;
  return undefined;
}

/** Nothing has its name, and not because the disk that it was on is not mounted. What cannot be looked at is there. */
async function isGone(driver: Driver, { path, device }: OwnFile): Promise<boolean> {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf("/")) || "/") {
    const there = await driver.identify(at).catch(() => null);
    if (there) return at !== path && there.device === device;
    if (there === null || at === "/") return there === undefined;
  }
}

function isOwn(use: BaseUse, state: DomainState, target: Target): boolean {
  return use.domain === state.id && use.target === target && !use.kept;
}

function isSame({ facts }: ObservedFile, { device, inode }: FileIdentity): boolean {
  return facts.device === device && facts.inode === inode;
}

/** What a definition has to know of its images, and of what the log knows of them. */
export async function observeDefinition(
  driver: Driver,
  command: DefineDomain,
  { directory, files: known }: { readonly directory: Directory; readonly files: FileDirectory },
  layersFolder: string,
  watch: StepOptions,
): Promise<DefineFacts> {
  const images: Record<Target, ImageFacts> = {};
  for (const { target, path, format } of command.disks) images[target] = await driver.inspectImage(path, format);
  const files = Object.values(images).flatMap(({ file, chain }) => [file, ...chain]);
  const ours: DefineFacts["ours"][number][] = [];
  for (const file of files) {
    for (const { domain, own } of ownersOf(known, file)) {
      // An image may have taken the inode of a file that undefine left and that is gone since.
      if (own?.kept && (await isGone(driver, own))) continue;
      ours.push({ path: file.path, domain, ...(own?.kept && { kept: true }) });
    }
  }
  const pending = files.flatMap((file) => {
    const domain = pendingBaseAt(known, file);
    return domain === undefined ? [] : [{ path: file.path, domain }];
  });
  await driver.checkFolder(layersFolder);
  const taken = takenBy(command, directory);
  // Other reasons to refuse it are found before a large image is checked.
  if (taken === null && ours.length === 0 && pending.length === 0)
    for (const disk of command.disks) await checkFit(driver, disk, watch);
  return { images, taken, ours, pending, layersFolder };
}

/** A name is taken from the moment somebody else begins to define it. */
function takenBy({ name, uuid }: DefineDomain, directory: Directory): string | null {
  if (domainIdOf(directory, name) !== undefined) return name;
  const defining = definingIdOf(directory, name);
  if (defining !== undefined && defining !== uuid) return name;
  return domainIdOf(directory, uuid) === undefined ? null : uuid;
}
