import type { SignedCheckpoint } from "../../connection/api.ts";
import { keyOf, keyOption, readCheckpoint } from "./proof.ts";
import type { Cli } from "../verb.ts";

export const checkpointOptions = [
  ["--checkpoint <file>", "prove also that the log still begins as this signed checkpoint says"],
  keyOption,
] as const;

/** null when none is given. CHECKPOINT_INVALID, CHECKPOINT_UNTRUSTED, CHECKPOINT_MISMATCH. */
export async function verifyCheckpoint(cli: Cli): Promise<SignedCheckpoint | null> {
  const file = cli.input.value("checkpoint");
  if (file === undefined) return null;
  const note = await readCheckpoint(file);
  return (await cli.connection()).verifyCheckpoint(note, keyOf(cli.input));
}
