import type { EventRecord } from "../../events/events.ts";
import type { LayerId } from "../../events/ids.ts";
import type { FreezeGuest, Plan } from "../../events/plan.ts";
import type { FileFacts, MemoryFile } from "../../events/records.ts";
import type { StepResults } from "../rules/decision.ts";

/** What an empty overlay takes on disk, for files that never were. */
const overlayBytes = 196_624;

/** What a plan's steps would have made: as the recorded outcome has it, and made up where there was none. */
export function madeBy({ steps }: Plan, outcome: EventRecord | undefined): StepResults {
  const files = new Map<LayerId, FileFacts>();
  let memory: MemoryFile | null = null;
  for (const step of steps) {
    if (step.step === "freeze") memory = memoryMadeUp(step);
    else files.set(step.layer, madeUp(step.path, step.step === "overlay" ? step.virtualBytes : 0));
  }
  if (!outcome) return { files, memory };
  for (const file of filesIn(outcome.data)) {
    const { layer, path, format, bytes, virtualBytes, device, inode, mtimeNs } = file;
    files.set(layer, { path, format, bytes, virtualBytes, device, inode, mtimeNs });
  }
  const told = outcome.type === "SnapshotCreated" ? outcome.data.snapshot.memory : null;
  return { files, memory: memory && (told ?? memory) };
}

function memoryMadeUp({ memoryPath: path, memoryCompression: compression }: FreezeGuest): MemoryFile | null {
  return path === null ? null : { path, bytes: 0, ...(compression && { compression }) };
}

function madeUp(path: string, virtualBytes: number): FileFacts {
  return { path, format: "qcow2", bytes: overlayBytes, virtualBytes, device: "0", inode: "0", mtimeNs: "0" };
}

/** Every layer file that an event describes, wherever in it. */
function filesIn(data: unknown): (FileFacts & { layer: LayerId })[] {
  if (typeof data !== "object" || data === null) return [];
  const inside = Object.values(data).flatMap(filesIn);
  const isFile = "layer" in data && "mtimeNs" in data && typeof data.layer === "string";
  return isFile ? [data as FileFacts & { layer: LayerId }, ...inside] : inside;
}
