import { isSnapledgerError } from "../../errors.ts";
import type { Command } from "../../events/command.ts";
import type { Facts } from "../rules/decision.ts";
import { ruleOf } from "../rules/rules.ts";
import type { StepOptions } from "../../drivers/driver.ts";
import { changedFiles } from "./changed.ts";
import { checkFit, probeFiles } from "./fit.ts";
import { observe, observeBases, observeDefinition, observeMemory } from "./observe.ts";
import type { Operation } from "../context.ts";

/**
 * Looks at everything that the command's rule decides on. `position`: what the log has to be at still when the
 * decision is appended, for rules that look across domains; null for the others.
 */
export async function gatherFacts(operation: Operation, command: Command, watch: StepOptions): Promise<Gathered> {
  const { context: context, state, driver } = operation;
  const time = new Date(context.clock()).toISOString();
  if (command.type === "DefineDomain") {
    const { directory, files, position } = await across(operation);
    const folder = `${command.layersFolder ?? context.layersRoot}/${command.uuid}`;
    const define = await observeDefinition(driver, command, { directory, files }, folder, watch);
    const facts: Facts = { time, supports: driver.supports, guest: "off", heads: {}, freeBytes: 0, define };
    return { facts, position };
  }
  const facts = await observe(driver, state, time);
  try {
    return await lookFurther(operation, command, facts, watch);
  } catch (error) {
    if (!isSnapledgerError(error, "IMAGE_INVALID")) throw error;
    const { code, message, hint = "", facts: seen } = error;
    return { facts: { ...facts, unseen: { code, message, facts: seen, hint } }, position: null };
  }
}

interface Gathered {
  readonly facts: Facts;
  readonly position: number | null;
}

/** At what this command needs besides heads and guest. */
async function lookFurther(operation: Operation, command: Command, seen: Facts, watch: StepOptions): Promise<Gathered> {
  const { state, driver } = operation;
  const touches = ruleOf(command).touches?.(state, command) ?? {};
  const toRepair = await probeFiles(driver, state, touches, seen, watch);
  const { standsOn, memory, bases: lookAtBases = false } = touches;
  const facts: Facts = {
    ...seen,
    ...(toRepair.length > 0 && { toRepair }),
    ...(standsOn && { changed: await changedFiles(driver, state, standsOn) }),
    ...(memory && { memory: await observeMemory(driver, memory) }),
  };
  if (!lookAtBases) return { facts, position: null };
  const { files, position } = await across(operation);
  const bases = await observeBases(driver, state, files);
  for (const { file, writable, users } of Object.values(bases)) {
    // Other reasons to refuse the merge are found before a large image is checked.
    if (file && writable && users.length === 0) await checkFit(driver, file, watch);
  }
  return { facts: { ...facts, bases }, position };
}

/** Of that position or later: an event that came between makes the append fail, and all is looked at again. */
async function across({ context: context }: Operation) {
  return context.log.use(async (log) => {
    const { position } = await log.head();
    return { directory: await context.states.directory(log), files: await context.states.files(log), position };
  });
}
