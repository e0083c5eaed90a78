import type { Driver } from "../../drivers/driver.ts";
import { isSnapledgerError } from "../../errors.ts";
import type { Outcome, Warning } from "../request.ts";
import { layerOf, reachable } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import { missingFiles } from "./links.ts";

/** Files that the log says are there and that are not. */

/** All of a domain's but its heads, its memories among them: no command may need them for long. */
export async function missingBelowHeads(driver: Driver, state: DomainState): Promise<readonly Warning[]> {
  if (!state.defined) return [];
  const heads = new Set(Object.values(state.heads));
  const below = [...reachable(state)].filter((id) => !heads.has(id)).map((id) => layerOf(state, id));
  const layers = below.filter(({ backing }) => backing !== null);
  const memories = [...state.snapshots.values()].flatMap(({ memory }) => memory ?? []);
  const files = [...layers.map(({ file }) => file.path), ...memories.map(({ path }) => path)];
  const absent = await absentOf(driver, files);
  if (absent.length === 0) return [];
  const { code, message, hint } = missingFiles(state, absent);
  return [{ code, message, ...(hint !== undefined && { hint }) }];
}

/** What undefine kept is what is there. The log has the others too: they may come back, and stand on a base image. */
export async function keptThere(driver: Driver, outcome: Outcome): Promise<Outcome> {
  const absent = await absentOf(driver, outcome.kept);
  if (absent.length === 0) return outcome;
  const message = `Of the files that were to be kept ${absent.length} are not there: ${absent.join(", ")}.`;
  const hint = "Is their file system mounted? Once they are there they count as users of their base image again.";
  return {
    ...outcome,
    kept: outcome.kept.filter((path) => !absent.includes(path)),
    warnings: [...outcome.warnings, { code: "FILE_NOT_FOUND", message, hint }],
  };
}

async function absentOf(driver: Driver, paths: readonly string[]): Promise<string[]> {
  const absent: string[] = [];
  for (const path of paths) if (await isAbsent(driver, path)) absent.push(path);
  return absent;
}

/** What can't be looked at is not known to be missing. */
async function isAbsent(driver: Driver, path: string): Promise<boolean> {
  try {
    return (await driver.identify(path)) === undefined;
  } catch (error) {
    if (!isSnapledgerError(error)) throw error;
    return false;
  }
}
