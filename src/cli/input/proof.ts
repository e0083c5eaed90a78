import { SnapledgerError } from "../../errors.ts";
import type { KeyOption } from "../../connection/api.ts";
import { readInput } from "./files.ts";
import type { Input } from "./input.ts";
import { wholeNumber } from "./input.ts";

/** What the verbs that prove things share. */

export const keyOption = ["--key <file>", "the key, when it is not the store's own key.pem"] as const;

export function keyOf(input: Input): KeyOption {
  const key = input.value("key");
  return key === undefined ? {} : { key };
}

/** The text of a signed checkpoint, from a file or, for `-`, from stdin. FILE_NOT_FOUND, CHECKPOINT_INVALID. */
export async function readCheckpoint(path: string): Promise<string> {
  const bytes = await readInput(path, "CHECKPOINT_INVALID");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const hint = "Give a file that `snapledger checkpoint` wrote.";
    throw new SnapledgerError("CHECKPOINT_INVALID", `${path} is no signed checkpoint: it is not UTF-8.`, {
      facts: { path },
      hint,
      cause,
    });
  }
}

/** An argument that is a position, or else a checkpoint's file. */
export async function positionOrCheckpoint(argument: string, what: string): Promise<number | string> {
  return /^\d+$/.test(argument) ? wholeNumber(argument, 1, what) : readCheckpoint(argument);
}
