import { isSnapledgerError, SnapledgerError } from "../../errors.ts";
import { parseCommand } from "../../commands/validate.ts";
import type { Command } from "../../events/command.ts";
import { readInput } from "./files.ts";

/** A command to be supposed right after a position. */
export interface Insertion {
  readonly after: number;
  readonly command: Command;
}

/** What may be left out of a command that is only supposed. */
const defaults: Readonly<Partial<Record<Command["type"], object>>> = {
  UndefineDomain: { keep: "refuse" },
  CreateSnapshot: { name: null, description: "", compression: null, offline: true, diskOnly: false },
  CreateWithSnapshot: { start: false, discardChanges: false },
  DeactivateSnapshot: { discardChanges: false },
  MergeSnapshot: { force: false, discardChanges: false },
  DiscardSnapshot: { force: false, discardChanges: false },
  StartDomain: { paused: false },
  DestroyDomain: {},
};

/**
 * A JSON array of `{"after": 12, "command": {"type": "CreateSnapshot", "domain": "web", "name": "x"}}`, from a file or
 * stdin. USAGE names the entry that is wrong.
 */
export async function readInsertions(path: string): Promise<Insertion[]> {
  const text = new TextDecoder().decode(await readInput(path));
  const entries = parsed(text);
  if (!Array.isArray(entries)) throw wrong("It is not a JSON array.");
  return entries.map((entry, i) => insertionFrom(entry, `Entry ${i + 1}`));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`It is not JSON: ${error instanceof Error ? error.message : "?"}.`);
  }
}

function insertionFrom(entry: unknown, what: string): Insertion {
  const { after, command } = isObject(entry) ? entry : {};
  if (typeof after !== "number" || !Number.isSafeInteger(after) || after < 1)
    throw wrong(`${what} has no position "after".`);
  const { type } = isObject(command) ? command : {};
  const rest =
    typeof type === "string" && Object.hasOwn(defaults, type) ? defaults[type as Command["type"]] : undefined;
  if (!rest || !isObject(command))
    throw wrong(`${what} has no command of a type among ${Object.keys(defaults).join(", ")}.`);
  return { after, command: commandFrom({ ...rest, ...command }, what) };
}

function commandFrom(command: object, what: string): Command {
  try {
    return parseCommand(command);
  } catch (error) {
    if (isSnapledgerError(error)) error.message = `${what}: ${error.message}`;
    throw error;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(why: string): SnapledgerError {
  return new SnapledgerError("USAGE", `What is to be inserted cannot be understood. ${why}`, {
    hint: 'Such as [{"after": 12, "command": {"type": "CreateSnapshot", "domain": "web", "name": "x"}}].',
  });
}
