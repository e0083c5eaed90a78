import { SnapledgerError } from "../errors.ts";
import { toHex } from "../proof/base64.ts";
import type { TreeHead } from "../proof/checkpoint.ts";
import { checkpointText, parseCheckpoint } from "../proof/checkpoint.ts";
import type { NoteKey } from "../proof/note.ts";
import { isSignedBy, parseNote } from "../proof/note.ts";
import { verifySignature } from "./crypto.ts";
import type { SignedCheckpoint } from "./api.ts";
import { fingerprintOf } from "./key.ts";
import type { Signer } from "./key.ts";

export function signHead(head: TreeHead, signer: Signer): SignedCheckpoint {
  return described(head, signer.sign(checkpointText(head)));
}

function described({ origin, size, root }: TreeHead, note: string): SignedCheckpoint {
  return { origin, size, root: `sha256:${toHex(root)}`, note };
}

/** What a checkpoint says, when it is of this log and this key signed it. CHECKPOINT_INVALID, CHECKPOINT_UNTRUSTED. */
export function openCheckpoint(text: string, key: NoteKey): SignedCheckpoint {
  const note = parseNote(text);
  const head = note && parseCheckpoint(note.text);
  if (!head) throw invalid("This is no signed checkpoint.", {}, "Give a file that `snapledger checkpoint` wrote.");
  if (head.origin !== key.name) {
    const facts = { origin: head.origin, expected: key.name };
    const hint = "Name the store it was made of with --store.";
    throw invalid(`This checkpoint is of another log: ${head.origin}, not ${key.name}.`, facts, hint);
  }
  if (!isSignedBy(note, key, verifySignature))
    throw new SnapledgerError("CHECKPOINT_UNTRUSTED", "This checkpoint is not signed by the key that is believed.", {
      facts: { fingerprint: fingerprintOf(key) },
      hint: "If it was signed by a key that is kept elsewhere, name that one with --key. Else do not believe it, or the store.",
    });
  return described(head, text);
}

function invalid(message: string, facts: Record<string, unknown>, hint: string): SnapledgerError {
  return new SnapledgerError("CHECKPOINT_INVALID", message, { facts, hint });
}

/** The log holds fewer records than were signed, or others. */
export function mismatch(message: string, facts: Record<string, unknown>): SnapledgerError {
  return new SnapledgerError("CHECKPOINT_MISMATCH", message, {
    facts,
    hint: "Change nothing in the store; copy its folder aside, and keep this checkpoint: the two together are the evidence.",
  });
}
