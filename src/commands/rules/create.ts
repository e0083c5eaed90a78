import { cliCommand } from "../../errors.ts";
import type { CreateSnapshot } from "../../events/command.ts";
import type { CompressLayer, FreezeGuest, MakeOverlay, Step } from "../../events/plan.ts";
import type { FrozenLayer, SnapshotState } from "../../events/records.ts";
import { headOf, headsOf } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import type { Facts, Ids, StepResults } from "./decision.ts";
import { accept, refuse } from "./decision.ts";
import {
  checkHeads,
  currentOf,
  freeName,
  headPaths,
  madeFile,
  madeHeads,
  overlayOn,
  refOrNull,
  repairsOf,
} from "./heads.ts";
import { checkLimits, limitWarnings } from "./limits.ts";
import type { CommandRule } from "./rule.ts";

/** virDomainSnapshotCreateXML: the heads become the snapshot's layers, and empty overlays on them the heads. */
export const createSnapshot: CommandRule<CreateSnapshot> = {
  permit(state, facts, command) {
    const name = nameOf(state, facts, command);
    if (state.byName.has(name)) {
      const hint = "Choose another name, or leave it out to get one made up from the time.";
      refuse("SNAPSHOT_EXISTS", `Domain "${state.name}" has a snapshot "${name}" already.`, hint, { snapshot: name });
    }
    // The RFC: "Throws an error if the VM is not currently running"; OFFLINE is our way to say that it may be stopped.
    if (facts.guest === "off" && !command.offline) {
      const hint = "Pass --offline to take a snapshot of its disks while it is stopped.";
      refuse("DOMAIN_NOT_RUNNING", `Domain "${state.name}" is not running.`, hint, { domain: state.name });
    }
    checkHeads(state, facts);
    checkLimits(state);
    checkCompression(facts, command);
    if (command.quiesce === true) checkQuiesce(state, facts, command);
    if (facts.guest !== "off" && !command.diskOnly && !facts.supports.memory) {
      refuse("UNSUPPORTED", `The ${state.driver} driver cannot save memory.`, "Pass --disk-only.", {
        driver: state.driver,
      });
    }
  },
  decide(state, facts, command, ids) {
    const name = nameOf(state, facts, command);
    const id = ids.newId();
    const compress = compressedHeads(state, facts, command, ids);
    const overlays = state.disks.map((target) => overlayOnHead(state, facts, target, compress, ids));
    const saveMemory = savesMemory(facts, command);
    const freeze = facts.guest === "off" ? [] : [freezeStep(state, facts, command, overlays, saveMemory ? id : null)];
    const steps: Step[] = [...compress, ...overlays, ...freeze];
    const removes = compress.length > 0 ? headPaths(state) : [];
    const spaceBytes = compress.reduce((sum, { target }) => sum + (facts.heads[target]?.bytes ?? 0), 0);
    const repairs = repairsOf(state, facts);
    return accept({ steps, repairs, removes, spaceBytes, warnings: limitWarnings(state) }, (made) => ({
      type: "SnapshotCreated",
      schema: 1,
      data: {
        snapshot: {
          ...{ id, name, description: command.description, parent: refOrNull(currentOf(state)), automatic: false },
          ...{ state: stateAtCreation(facts, command, made), memory: made.memory },
          layers: state.disks.map((target) => frozenLayer(state, facts, target, compress, made)),
        },
        heads: madeHeads(overlays, made),
        ...(command.quiesce === true && { quiesced: true }),
      },
    }));
  },
  touches: (state) => ({ heads: headsOf(state), freezes: true }),
  // File systems were frozen for it: it is made only when they are known to be thawed.
  guestStepAfter: (_state, { quiesce }) => (quiesce === true ? { step: "thaw" } : null),
};

/** As it was asked for, or made up from the time. */
function nameOf(state: DomainState, { time }: Facts, { name }: CreateSnapshot): string {
  return name ?? freeName(state, String(Math.floor(Date.parse(time) / 1000)));
}

/** The agent runs in the guest. A memory that is saved with file systems frozen would be resumed with them frozen. */
function checkQuiesce({ name, guestAgent }: DomainState, { guest }: Facts, { diskOnly }: CreateSnapshot): void {
  const rest = "Or leave --quiesce out: all disks are then of one instant, as after a power cut.";
  if (!guestAgent) {
    const hint = `Define it with --guest-agent if its guest runs one. ${rest}`;
    refuse("UNSUPPORTED", `Domain "${name}" has no guest agent that could settle its file systems.`, hint);
  }
  if (guest === "off") {
    const hint = "Leave --quiesce out: a guest that was shut down has settled its file systems itself.";
    refuse("UNSUPPORTED", `No agent answers while domain "${name}" is not running.`, hint);
  }
  if (guest === "paused") {
    const hint = `Let it run first: ${cliCommand("resume", name)}. ${rest}`;
    refuse("UNSUPPORTED", `The agent of domain "${name}" cannot answer while the guest is paused.`, hint);
  }
  if (!diskOnly) {
    const hint = "Pass --disk-only with it, or leave --quiesce out: with its memory the guest needs no settling.";
    refuse("UNSUPPORTED", "A memory cannot be saved with the guest's file systems frozen.", hint);
  }
}

function savesMemory({ guest }: Facts, { diskOnly }: CreateSnapshot): boolean {
  return guest !== "off" && !diskOnly;
}

/** As it was named; the one that fits when it was not. */
function methodOf(facts: Facts, command: CreateSnapshot): string | null {
  if (command.compression !== null || command.compress !== true) return command.compression;
  return savesMemory(facts, command) ? "zstd" : "zlib";
}

function checkCompression(facts: Facts, command: CreateSnapshot): void {
  const compression = methodOf(facts, command);
  if (compression === null) return;
  if (!facts.supports.compression.some((method) => method === compression)) {
    const methods = facts.supports.compression.join(", ") || "none";
    const hint = `This driver can: ${methods}.`;
    refuse("UNSUPPORTED_COMPRESSION", `Compression "${compression}" is not supported.`, hint, { compression });
  }
  if (facts.guest === "off") return;
  const rest = "Leave --compress out, or stop the guest and pass --offline.";
  // Its layers are what it goes on reading from: there is no other file to put under it.
  if (!savesMemory(facts, command)) {
    refuse("UNSUPPORTED_COMPRESSION", "Layers cannot be compressed while the guest runs.", rest, { compression });
  }
  const methods = facts.supports.memoryCompression ?? [];
  if (methods.some((method) => method === compression)) return;
  const hint = methods.length === 0 ? rest : `Pass --compress-method ${methods.join(" or ")}. ${rest}`;
  const message = `A running guest's memory cannot be compressed by ${compression}.`;
  refuse("UNSUPPORTED_COMPRESSION", message, hint, { compression });
}

function compressedHeads(state: DomainState, facts: Facts, command: CreateSnapshot, { newId }: Ids): CompressLayer[] {
  const wanted = methodOf(facts, command);
  const method = facts.supports.compression.find((supported) => supported === wanted);
  if (!method || facts.guest !== "off") return [];
  return state.disks.map((target) => {
    const head = headOf(state, target);
    const below = state.layers.get(head.backing ?? head.id) ?? head;
    const layer = newId();
    const { path, format } = below.file;
    return {
      ...{ step: "compress", target, layer, path: `${state.layersFolder}/${layer}.qcow2`, source: head.file.path },
      ...{ backing: { path, format }, backingLayer: below.id, method },
    };
  });
}

function overlayOnHead(
  state: DomainState,
  facts: Facts,
  target: string,
  compress: readonly CompressLayer[],
  ids: Ids,
): MakeOverlay {
  const head = headOf(state, target);
  const virtualBytes = (facts.heads[target] ?? head.file).virtualBytes;
  const overlay = overlayOn(state, head, virtualBytes, ids);
  const copy = compress.find((step) => step.target === target);
  return copy ? { ...overlay, backing: { path: copy.path, format: "qcow2" }, backingLayer: copy.layer } : overlay;
}

function freezeStep(
  state: DomainState,
  facts: Facts,
  command: CreateSnapshot,
  overlays: readonly MakeOverlay[],
  memoryOf: string | null,
): FreezeGuest {
  const method = facts.supports.memoryCompression?.find((supported) => supported === methodOf(facts, command));
  return {
    step: "freeze",
    overlays: overlays.map(({ target, path, backing }) => ({ target, path, from: backing.path })),
    memoryPath: memoryOf === null ? null : `${state.layersFolder}/${memoryOf}.mem`,
    ...(memoryOf !== null && method && { memoryCompression: method }),
    ...(command.quiesce === true && { quiesce: true }),
  };
}

function frozenLayer(
  state: DomainState,
  facts: Facts,
  target: string,
  compress: readonly CompressLayer[],
  made: StepResults,
): FrozenLayer {
  const copy = compress.find((step) => step.target === target);
  if (copy) {
    const { layer, backingLayer: backing, method: compression } = copy;
    return { ...madeFile(made, layer), target, layer, backing, compression };
  }
  const head = headOf(state, target);
  const file = made.files.get(head.id) ?? facts.heads[target] ?? head.file;
  return { ...file, target, layer: head.id, backing: head.backing ?? head.id, compression: null };
}

/** A memory that died with its host after the guest was moved makes it a snapshot of disks alone. */
function stateAtCreation({ guest }: Facts, { diskOnly }: CreateSnapshot, { memory }: StepResults): SnapshotState {
  return guest !== "off" && (diskOnly || memory === null) ? "disk-snapshot" : guest;
}
