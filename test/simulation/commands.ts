import type { Command, CreateSnapshot, DefineDomain } from "../../src/events/command.ts";
import type { Request } from "../../src/connection/api.ts";
import { baseImage, baseImages, chainOf, fileOf } from "./bases.ts";
import { standsOn } from "./expected.ts";
import type { ExpectedDomain } from "./expected.ts";
import type { FaultRates } from "./manager.ts";
import { layerOf, pendingFolds } from "../../src/projections/layers.ts";
import type { Fold } from "../../src/projections/layers.ts";
import type { DomainState, Snapshot } from "../../src/projections/state.ts";
import type { Simulation } from "./simulation.ts";

/** What people ask for: one drawn command at a time. */

const domainNames = ["web", "db", "log"];
/** As many as the limit, so that there is one too many without an automatic name. */
const snapshotNames = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** Something new, or once more what was given a command id before. */
export function askedOf(simulation: Simulation): readonly [Command, Request, FaultRates?] {
  const { drawn, given } = simulation;
  const { leaning } = simulation.profile;
  const towards =
    leaning === "links" ? pastMovedLink(simulation) : leaning === "bases" ? pastWaitingBase(simulation) : undefined;
  if (towards) return towards;
  if (given.length > 0 && drawn.chance(4)) return drawn.one(given);
  const asked = [commandFor(simulation), requestFor(simulation)] as const;
  if (asked[1].commandId !== undefined) given.push(asked);
  return asked;
}

function commandFor(simulation: Simulation): Command {
  const { drawn, profile, expected, targetFailpoint } = simulation;
  const rival = simulation.underWay.size > 0 && drawn.chance(30) ? rivalIn(simulation) : undefined;
  if (rival) return rival;
  const name = drawn.one(domainNames.slice(0, profile.domains));
  const domain = expected.named(name);
  if (!domain && drawn.chance(95)) return definition(simulation, name);
  if (drawn.chance(targetFailpoint?.command === "DefineDomain" ? 15 : 3)) return definition(simulation, name);
  const folding = domain !== undefined && simulation.isFolding(domain.id);
  // Where a fold waits, what it stands in the way of is tried more often.
  if (folding && drawn.chance(8)) return definitionOn(simulation, drawn.one(domain.disks).path);
  return commandOf(simulation, typeFor(simulation, domain, folding), name, domain);
}

function typeFor(simulation: Simulation, domain: ExpectedDomain | undefined, folding: boolean): Command["type"] {
  const { drawn, profile, targetFailpoint } = simulation;
  const guest = domain ? simulation.guest(domain.id) : "off";
  // Heads that recovery recorded are left, for then it shows whether they count as written to.
  if (domain?.unmeasured && drawn.chance(60)) return guest === "off" ? "CreateWithSnapshot" : "DestroyDomain";
  if (targetFailpoint && targetFailpoint.command !== "DefineDomain" && drawn.chance(70))
    return targetFailpoint.next(guest, folding, domain?.model.snapshots.size ?? 0, domain?.model.current ?? null);
  if (targetFailpoint?.command === "DefineDomain" && drawn.chance(25)) return "UndefineDomain";
  if (folding && drawn.chance(25)) return drawn.chance(70) ? "MergeSnapshot" : "UndefineDomain";
  if (profile.leaning === "links" && drawn.chance(60)) {
    if ((domain?.model.snapshots.size ?? 0) < 2) return "CreateSnapshot";
    return guest === "off" && drawn.chance(70) ? "StartDomain" : "MergeSnapshot";
  }
  if (profile.leaning === "snapshots" && drawn.chance(60))
    return drawn.chance(75) ? "CreateSnapshot" : "CreateWithSnapshot";
  if (profile.leaning === "sizes" && drawn.chance(75)) {
    const grown = (domain?.model.snapshots.size ?? 0) > 1;
    if (profile.guests && grown && guest === "off" && drawn.chance(25)) return "StartDomain";
    if (guest !== "off" && drawn.chance(60)) return drawn.chance(75) ? "MergeSnapshot" : "DestroyDomain";
    return drawn.chance(55) ? "CreateSnapshot" : "MergeSnapshot";
  }
  if (profile.leaning === "bases" && drawn.chance(60)) return drawn.chance(60) ? "CreateSnapshot" : "MergeSnapshot";
  const dice = drawn.below(100);
  if (profile.guests && dice < (guest === "off" ? 22 : 12)) return guestCommand(simulation, guest !== "off");
  if (dice < 45) return "CreateSnapshot";
  if (dice < 55) return "CreateWithSnapshot";
  if (dice < 61) return "DeactivateSnapshot";
  if (dice < 84) return "MergeSnapshot";
  if (dice < 91) return "DiscardSnapshot";
  if (dice < 94) return "RecoverDomain";
  return dice < 96 ? "CompactDomain" : "UndefineDomain";
}

function guestCommand({ drawn }: Simulation, runs: boolean): Command["type"] {
  if (!runs && drawn.chance(85)) return "StartDomain";
  return drawn.one(["DestroyDomain", "DestroyDomain", "ShutdownDomain", "SuspendDomain", "ResumeDomain"] as const);
}

function commandOf(
  simulation: Simulation,
  type: Command["type"],
  name: string,
  known: ExpectedDomain | undefined,
): Command {
  const { drawn, profile } = simulation;
  const domain = known && drawn.chance(20) ? known.id : name;
  const own = ownOf(simulation, type, known);
  const discardChanges = drawn.chance(30);
  switch (type) {
    case "DefineDomain":
      return definition(simulation, name);
    case "CreateSnapshot":
      return creation(simulation, domain, own);
    case "CreateWithSnapshot":
      return {
        ...{ type, domain, snapshot: snapshotIn(simulation, own), discardChanges },
        ...{ start: profile.guests && drawn.chance(60), ...(drawn.chance(20) && { paused: true }) },
      };
    case "DeactivateSnapshot":
      return { type, domain, snapshot: snapshotIn(simulation, own), discardChanges };
    case "MergeSnapshot":
    case "DiscardSnapshot": {
      // The first one hangs on the base image, more often than not.
      const first = profile.leaning === "bases" && drawn.chance(80) ? own[0] : undefined;
      const snapshot = first ?? snapshotIn(simulation, own);
      return { type, domain, snapshot, discardChanges, force: drawn.chance(30) };
    }
    case "UndefineDomain":
      return { type, domain, keep: drawn.one(["refuse", "discard-all", "keep-files"]) };
    case "StartDomain":
      return { type, domain, paused: drawn.chance(15) };
    case "ShutdownDomain":
      return { type, domain, timeoutMs: 1000 };
    default:
      return { type, domain };
  }
}

/** The snapshots that one is drawn from. */
function ownOf({ targetFailpoint }: Simulation, type: Command["type"], known: ExpectedDomain | undefined): string[] {
  const { model } = known ?? {};
  const own = [...(model?.snapshots.keys() ?? [])];
  if (!model || !targetFailpoint?.isBeside || targetFailpoint.command !== type) return own;
  const beside = own.filter((name) => !standsOn(model, name));
  return beside.length > 0 ? beside : own;
}

function snapshotIn({ drawn }: Simulation, own: readonly string[]): string {
  return own.length > 0 && drawn.chance(97) ? drawn.one(own) : drawn.one(snapshotNames);
}

function creation({ drawn }: Simulation, domain: string, own: readonly string[]): CreateSnapshot {
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
  const { drawn, profile, expected, targetFailpoint } = simulation;
  const targets = ["vda", "vdb"].slice(0, 1 + drawn.below(profile.disks));
  const own = domainNames.indexOf(name);
  const all = baseImages.filter(({ path }) => expected.bases.has(fileOf(path))).slice(0, profile.bases);
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
  const again = before && drawn.chance(targetFailpoint?.command === "DefineDomain" ? 90 : 40) ? before.id : undefined;
  const taken = drawn.chance(30) ? expected.named(name)?.id : undefined;
  return definitionOf(name, taken ?? again ?? simulation.newId(), disks);
}

/**
 * A fold that was not recorded has moved a link to the file below already. While that fold is kept from being done, that
 * file is folded away itself; under a guest that goes on until it stops. Then it shows whether the link was put back.
 */
function pastMovedLink(simulation: Simulation): readonly [Command, Request, FaultRates] | undefined {
  const { drawn, expected, states, profile } = simulation;
  for (const one of expected.domains.values()) {
    const { id, name: domain } = one;
    const state = simulation.isFolding(id) ? states.get(id) : undefined;
    const moved = state && foldThatMovedALink(simulation, state);
    if (!moved || !drawn.chance(80)) continue;
    const snapshot = state.snapshots.get(moved.snapshots[0] ?? "")?.name;
    const alone = pendingFolds(state).filter(({ target }) => target === moved.target).length === 1;
    const { faultRates } = profile;
    const failing = { ...faultRates.failing, commit: 0, "recovery commit": 90, commitLive: 90 };
    if (!alone && simulation.guest(id) !== "off") {
      if (drawn.chance(50)) return [{ type: "DestroyDomain", domain }, {}, { ...faultRates, failing }];
      simulation.endGuest(one);
      return [{ type: "RecoverDomain", domain }, {}, { ...faultRates, failing: {} }];
    }
    if (snapshot === undefined) continue;
    const how = { discardChanges: drawn.chance(50), force: drawn.chance(70) };
    return [{ type: "MergeSnapshot", domain, snapshot, ...how }, {}, { ...faultRates, failing }];
  }
  return undefined;
}

function foldThatMovedALink({ world }: Simulation, state: DomainState): Fold | undefined {
  return pendingFolds(state).find(({ into, dependents }) =>
    dependents.some(({ file }) => world.files.get(file.path)?.backing?.path === into.file.path),
  );
}

/** What waits to be folded into the base is larger than a snapshot that hangs on it: that one is merged, too. */
function pastWaitingBase({
  drawn,
  expected,
  states,
  profile,
}: Simulation): readonly [Command, Request, FaultRates] | undefined {
  for (const { id, name: domain } of expected.domains.values()) {
    const state = states.get(id);
    const smaller = state && [...state.snapshots.values()].find((snapshot) => isBelowWaitingBase(state, snapshot));
    if (!smaller || !drawn.chance(80)) continue;
    const { faultRates } = profile;
    const merge = { type: "MergeSnapshot", domain, snapshot: smaller.name, discardChanges: true, force: true } as const;
    return [merge, {}, { ...faultRates, failing: { ...faultRates.failing, "recovery commit": 95 } }];
  }
  return undefined;
}

function isBelowWaitingBase(state: DomainState, snapshot: Snapshot): boolean {
  const bytes = (id: string | undefined) => layerOf(state, id).file.virtualBytes;
  return state.disks.some((target) => {
    const role = state.baseRoles[target];
    const waits = snapshot.parent === null && role !== state.bases[target];
    return waits && bytes(snapshot.layers[target]) < bytes(role);
  });
}

/** Who merges into a base image meets one who defines a domain on it, and the other way round. */
function rivalIn(simulation: Simulation): Command | undefined {
  const { drawn, expected } = simulation;
  const [rewritten] = simulation.merging();
  if (rewritten !== undefined) return definitionOn(simulation, rewritten);
  const [claimed] = simulation.defining().flatMap(({ command }) => command.disks);
  if (!claimed) return undefined;
  for (const { name, disks, model } of expected.domains.values()) {
    const [root] = [...model.snapshots].find(([, { parent }]) => parent === null) ?? [];
    if (root === undefined || !disks.some(({ path }) => chainOf(claimed.path).includes(fileOf(path)))) continue;
    return { type: "MergeSnapshot", domain: name, snapshot: root, discardChanges: drawn.chance(50), force: true };
  }
  return undefined;
}

/** Another domain, on a base image that somebody uses. */
function definitionOn(simulation: Simulation, path: string): DefineDomain {
  const name = domainNames.find((one) => !simulation.expected.named(one)) ?? "spare";
  const format = baseImage(path)?.format ?? "qcow2";
  return definitionOf(name, simulation.newId(), [{ target: "vda", path, format }]);
}

function definitionOf(name: string, uuid: string, disks: DefineDomain["disks"]): DefineDomain {
  return {
    ...{ type: "DefineDomain", uuid, name, driver: "memory", memoryMib: null, vcpus: null },
    ...{ disks, unmanaged: [], layersFolder: null, xmlSha256: null },
  };
}

function requestFor(simulation: Simulation): Request {
  const { drawn, targetFailpoint } = simulation;
  const revisions = [...simulation.states.values()].map(({ revision }) => revision);
  const commandId = targetFailpoint?.isRetry ? `own-${drawn.below(2 ** 30)}` : `id-${drawn.below(6)}`;
  return {
    ...(drawn.chance(20) && { reason: "patch day" }),
    ...(drawn.chance(targetFailpoint?.isRetry ? 80 : 10) && { commandId }),
    ...(drawn.chance(5) && { expectRevision: drawn.one([...revisions, 3]) }),
    ...(drawn.chance(6) && { plan: true }),
  };
}
