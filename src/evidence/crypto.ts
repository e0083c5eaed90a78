import * as crypto from "node:crypto";
import type { Digest } from "../proof/merkle.ts";
import type { VerifySignature } from "../proof/note.ts";

/** As in src/events/hash.ts: one-shot hashing is faster, but Node 20.0 to 20.11 does not have it. */
const oneShot = (crypto as { hash?: (algorithm: string, data: string | Uint8Array, encoding: "buffer") => Buffer })
  .hash;

const hashed = oneShot
  ? (data: string | Uint8Array) => oneShot("sha256", data, "buffer")
  : (data: string | Uint8Array) => crypto.createHash("sha256").update(data).digest();

export const digest: Digest = hashed;

/** The leaf of a stored line, which is its bytes. The same as `leafHash`, without a copy of them. */
export function lineHash(line: string): Uint8Array {
  return hashed(`\0${line}`);
}

export const verifySignature: VerifySignature = (publicKey, message, signature) =>
  crypto.verify(null, message, publicKeyOf(publicKey), signature);

/** From the 32 bytes of RFC 8032. */
export function publicKeyOf(bytes: Uint8Array): crypto.KeyObject {
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(bytes).toString("base64url") };
  return crypto.createPublicKey({ key: jwk, format: "jwk" });
}
