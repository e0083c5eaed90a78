import type { Command } from "../events/command.ts";
import type { Facts } from "./decision.ts";
import type { MemoryFile } from "../events/records.ts";
import { observe, observeBases, observeDefinition, observeMemory, probeLocks } from "./observe.ts";
import type { Operation } from "./stage.ts";

/**
 * Looks at everything that the command's rule decides on. `position`: what the log has to be at still when the
 * decision is appended, for rules that look across domains; null for the others.
 */
export async function gatherFacts(
  { stage, state, driver }: Operation,
  command: Command,
): Promise<{ facts: Facts; position: number | null }> {
  const time = new Date(stage.clock()).toISOString();
  const across = async () =>
    stage.log.use(async (log) => ({
      directory: await stage.states.directory(log),
      position: (await log.head()).position,
    }));
  if (command.type === "DefineDomain") {
    const { directory, position } = await across();
    const folder = `${command.layersFolder ?? stage.layersRoot}/${command.uuid}`;
    const define = await observeDefinition(driver, command, directory, folder);
    const facts: Facts = { time, supports: driver.supports, guest: "off", heads: {}, freeBytes: 0, define };
    return { facts, position };
  }
  const facts = await observe(driver, state, time);
  if (facts.guest === "off") await probeLocks(driver, state, command);
  const memory = command.type === "CreateWithSnapshot" && command.start ? memoryOf(command.snapshot, state) : null;
  if (memory) return { facts: { ...facts, memory: await observeMemory(driver, memory) }, position: null };
  if (command.type !== "MergeSnapshot" || !mergesIntoBase(command.snapshot, state)) return { facts, position: null };
  const { directory, position } = await across();
  return { facts: { ...facts, bases: await observeBases(driver, state, directory) }, position };
}

function memoryOf(name: string, { byName, snapshots }: Operation["state"]): MemoryFile | null {
  return snapshots.get(byName.get(name) ?? "")?.memory ?? null;
}

function mergesIntoBase(name: string, { byName, snapshots }: Operation["state"]): boolean {
  const id = byName.get(name);
  return id !== undefined && snapshots.get(id)?.parent === null;
}
