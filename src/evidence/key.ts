import * as crypto from "node:crypto";
import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { shellQuote, SnapledgerError } from "../errors.ts";
import type { NoteKey } from "../proof/note.ts";
import { noteKey, parseVerifierKey, signedBytes, signedNote, verifierKey } from "../proof/note.ts";
import { createFile } from "../system/write.ts";
import { digest, publicKeyOf } from "./crypto.ts";
import type { PublicKey } from "./api.ts";

/** What signs. Its note key says how others know it. */
export interface Signer {
  readonly key: NoteKey;
  /** The note of this text, signed. The text ends in a newline. */
  sign(text: string): string;
}

/** Makes an Ed25519 key in `path` (PKCS #8, PEM, 0600), unless there is a file of that name; whole or not at all. */
export async function makeKey(path: string): Promise<void> {
  if (existsSync(path)) return;
  const { privateKey } = crypto.generateKeyPairSync("ed25519");
  await createFile(path, privateKey.export({ type: "pkcs8", format: "pem" }));
}

/** FILE_NOT_FOUND, KEY_UNSAFE when others can read it, KEY_INVALID when it is no private key of the right kind. */
export async function loadSigner(path: string, name: string): Promise<Signer> {
  const { text, mode } = await readKey(path);
  const secret = attempt(() => crypto.createPrivateKey(text));
  if (secret?.asymmetricKeyType !== "ed25519") throw invalid(path, "no private Ed25519 key in PEM form");
  if ((mode & 0o077) !== 0)
    throw new SnapledgerError("KEY_UNSAFE", `${path} can be read by others.`, {
      facts: { path, mode: (mode & 0o777).toString(8) },
      hint: `chmod 600 ${shellQuote(path)}, and think about who may have read it until now.`,
    });
  const key = noteKey(name, rawPublicKey(crypto.createPublicKey(secret)), digest);
  return {
    key,
    sign: (text) => signedNote(text, key, crypto.sign(null, signedBytes({ text }), secret)),
  };
}

/** A public key, by itself, out of a private one, or as notes write it. FILE_NOT_FOUND, KEY_INVALID. */
export async function loadPublicKey(path: string, name: string): Promise<NoteKey> {
  const { text } = await readKey(path);
  const written = parseVerifierKey(text.trim(), digest);
  if (written?.name === name) return written;
  if (written) throw invalid(path, `the key of ${written.name}, not of ${name}`);
  const key = attempt(() => crypto.createPublicKey(text));
  if (key?.asymmetricKeyType !== "ed25519") throw invalid(path, "no Ed25519 key");
  return noteKey(name, rawPublicKey(key), digest);
}

export function describeKey(key: NoteKey): PublicKey {
  const object = publicKeyOf(key.publicKey);
  return {
    name: key.name,
    fingerprint: fingerprintOf(key),
    verifierKey: verifierKey(key),
    pem: object.export({ type: "spki", format: "pem" }) as string,
  };
}

/** What people compare: of the public key in DER form, as `openssl pkey -pubin -outform DER | sha256sum` has it. */
export function fingerprintOf({ publicKey }: NoteKey): string {
  const der = publicKeyOf(publicKey).export({ type: "spki", format: "der" });
  return `sha256:${Buffer.from(digest(der)).toString("hex")}`;
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url"));
}

/** More than any key takes. */
const mostBytes = 64 * 1024;

async function readKey(path: string): Promise<{ text: string; mode: number }> {
  try {
    const file = await open(path);
    try {
      const { mode, size } = await file.stat();
      if (size > mostBytes) throw invalid(path, "no key: it is too long");
      return { text: await file.readFile("utf8"), mode };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SnapledgerError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new SnapledgerError("FILE_NOT_FOUND", `The key can't be read: ${why}`, {
      facts: { path },
      hint: "Name the key's file with --key. A store's own is made by init, or by its first `snapledger checkpoint`.",
      cause: error,
    });
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function invalid(path: string, what: string): SnapledgerError {
  return new SnapledgerError("KEY_INVALID", `${path} holds ${what}.`, {
    facts: { path },
    hint: "Make one with: openssl genpkey -algorithm ed25519 -out FILE",
  });
}
