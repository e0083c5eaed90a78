import * as crypto from "node:crypto";
import type { Digest } from "../proof/merkle.ts";
import type { VerifySignature } from "../proof/note.ts";

export const digest: Digest = (data) => crypto.hash("sha256", data, "buffer");

/** The leaf of a stored line, which is its bytes. The same as `leafHash`, without a copy of them. */
export function lineHash(line: string): Uint8Array {
  return crypto.hash("sha256", `\0${line}`, "buffer");
}

export const verifySignature: VerifySignature = (publicKey, message, signature) =>
  crypto.verify(null, message, publicKeyOf(publicKey), signature);

/** From the 32 bytes of RFC 8032. */
export function publicKeyOf(bytes: Uint8Array): crypto.KeyObject {
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(bytes).toString("base64url") };
  return crypto.createPublicKey({ key: jwk, format: "jwk" });
}
