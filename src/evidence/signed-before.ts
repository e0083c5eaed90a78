import { readFile } from "node:fs/promises";
import { isSnapledgerError, cliCommand, SnapledgerError } from "../errors.ts";
import type { NoteKey } from "../proof/note.ts";
import { replaceFile } from "../system/write.ts";
import type { SignedCheckpoint } from "./api.ts";
import { openCheckpoint } from "./signed.ts";

/**
 * The largest checkpoint that a key has signed of a log, beside the key: what was signed once binds all that is signed
 * later, as it binds a witness (c2sp.org/tlog-witness: "persist the new checkpoint" before the signature is handed out).
 */
export interface SignedBefore {
  readonly path: string;
  /** undefined: nothing yet. CHECKPOINT_INVALID, CHECKPOINT_UNTRUSTED when the file is not what this key signed. */
  readonly load: (key: NoteKey) => Promise<SignedCheckpoint | undefined>;
  /** Durable when it resolves. FILE_NOT_FOUND when it cannot be written: then nothing may be signed. */
  readonly save: (checkpoint: SignedCheckpoint) => Promise<void>;
}

/** The note as it is, in `<key file>.<log id>.signed` (0600). */
export function signedBefore(keyPath: string, logId: string): SignedBefore {
  const path = `${keyPath}.${logId}.signed`;
  return {
    path,
    async load(key) {
      const text = await readFile(path, "utf8").catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw cannot("read", path, error);
      });
      return text === undefined ? undefined : openCheckpoint(text, key);
    },
    async save({ note }) {
      await replaceFile(path, note, { durable: true }).catch((error: unknown) => {
        throw cannot("written", path, error);
      });
    },
  };
}

function cannot(what: "read" | "written", path: string, cause: unknown): SnapledgerError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `What the key signed before can't be ${what}, so nothing is signed: ${why}`;
  return new SnapledgerError("FILE_NOT_FOUND", message, {
    facts: { path },
    hint: "A key remembers in a file beside it what it signed last: keep it in a folder that this user may write to.",
    cause,
  });
}

/** Signing anything would let two histories pass for one. */
export function forked(before: SignedCheckpoint, path: string, cause: unknown): unknown {
  if (!isSnapledgerError(cause, "CHECKPOINT_MISMATCH")) return cause;
  const message = `This key signed ${before.size} records of this log before, and they are not there any more: nothing is signed.`;
  return new SnapledgerError("LOG_FORKED", message, {
    facts: { ...cause.facts, path, checkpoint: before.note },
    hint: `The log was cut, rewritten, or an old copy was put back: see ${cliCommand("verify", "--checkpoint", path)}. If that is known, and the holders of the checkpoints know it, keep that file elsewhere and move it away; then sign.`,
    cause,
  });
}
