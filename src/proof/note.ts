import { fromBase64, toBase64, toHex } from "./base64.ts";
import type { Digest } from "./merkle.ts";
import { equal } from "./merkle.ts";

/**
 * Signed notes (c2sp.org/signed-note): a text, an empty line, and signature lines. Only Ed25519, type 0x01, is known;
 * signatures of other keys are kept, and mean nothing here.
 */

/** A key as notes know it: two keys that share a name differ in their id. */
export interface NoteKey {
  readonly name: string;
  /** Four bytes. */
  readonly id: Uint8Array;
  /** 32 bytes: Ed25519, RFC 8032. */
  readonly publicKey: Uint8Array;
}

export interface Note {
  /** With its final newline: exactly what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  readonly id: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whether an Ed25519 signature of the message is by this key. Handed in, as SHA-256 is. */
export type VerifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const ed25519 = 0x01;
const mostSignatures = 100;
const nameOf = String.raw`[^\s+]+`;
const signatureForm = new RegExp(`^— (${nameOf}) (\\S+)$`, "u");
const verifierForm = new RegExp(`^(${nameOf})\\+([0-9a-f]{8})\\+(\\S+)$`, "u");
const utf8 = new TextEncoder();

export function noteKey(name: string, publicKey: Uint8Array, digest: Digest): NoteKey {
  const id = digest(Uint8Array.from([...utf8.encode(`${name}\n`), ed25519, ...publicKey])).slice(0, 4);
  return { name, id, publicKey };
}

/** The form in which tools and witnesses take a key: `name+id+key`. */
export function verifierKey({ name, id, publicKey }: NoteKey): string {
  return `${name}+${toHex(id)}+${toBase64(Uint8Array.from([ed25519, ...publicKey]))}`;
}

/** undefined unless it is an Ed25519 key whose id is its own. */
export function parseVerifierKey(text: string, digest: Digest): NoteKey | undefined {
  const [, name = "", id, encoded = ""] = verifierForm.exec(text) ?? [];
  const bytes = fromBase64(encoded);
  if (bytes?.length !== 33 || bytes[0] !== ed25519) return undefined;
  const key = noteKey(name, bytes.slice(1), digest);
  return toHex(key.id) === id ? key : undefined;
}

/** undefined when it is not in the form of a signed note. Says nothing about who signed it. */
export function parseNote(note: string): Note | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n") || /[\u0000-\u0009\u000b-\u001f]/.test(note)) return undefined;
  const lines = note.slice(end + 2, -1).split("\n");
  const signatures = lines.map(parseSignature).filter((one) => one !== undefined);
  if (signatures.length !== lines.length || lines.length > mostSignatures) return undefined;
  return { text: note.slice(0, end + 1), signatures };
}

function parseSignature(line: string): NoteSignature | undefined {
  const [, name = "", encoded = ""] = signatureForm.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  return bytes && bytes.length > 4 ? { name, id: bytes.slice(0, 4), signature: bytes.slice(4) } : undefined;
}

/** The note of this text, which ends in a newline, with one signature. */
export function signedNote(text: string, { name, id }: NoteKey, signature: Uint8Array): string {
  return `${text}\n— ${name} ${toBase64(Uint8Array.from([...id, ...signature]))}\n`;
}

/** What signatures are of. */
export function signedBytes({ text }: Pick<Note, "text">): Uint8Array {
  return utf8.encode(text);
}

/** Whether this key signed the note. One signature of the key that is wrong spoils the note, whatever else it has. */
export function isSignedBy(note: Note, key: NoteKey, verify: VerifySignature): boolean {
  const own = note.signatures.filter(({ name, id }) => name === key.name && equal(id, key.id));
  const message = signedBytes(note);
  return own.length > 0 && own.every(({ signature }) => verify(key.publicKey, message, signature));
}
