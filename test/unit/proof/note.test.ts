import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkpointText, consistencyText, inclusionText, parseCheckpoint } from "../../../src/proof/checkpoint.ts";
import type { Digest } from "../../../src/proof/merkle.ts";
import type { VerifySignature } from "../../../src/proof/note.ts";
import {
  isSignedBy,
  parseNote,
  parseVerifierKey,
  signedBytes,
  signedNote,
  verifierKey,
} from "../../../src/proof/note.ts";

const digest: Digest = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const verifySignature: VerifySignature = (publicKey, message, signature) => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") };
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
};

/** The examples of the signed-note specification, and of the Go package that the format comes from. */
const published = {
  key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
  note: "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
};
const peter = {
  key: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  secret: "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};
const peterNote = `${peter.text}\n${peter.line}`;
const keyOf = (text: string) => parseVerifierKey(text, digest)!;

/** The example of the checkpoint specification, whose key is not published. */
const checkpointNote =
  "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

describe("a signed note", () => {
  it.each([published, { key: peter.key, note: peterNote }])("is verified as published: $key", ({ key, note }) => {
    expect(isSignedBy(parseNote(note)!, keyOf(key), verifySignature)).toBe(true);
    expect(verifierKey(keyOf(key))).toBe(key);
  });

  it("is written byte for byte as published", () => {
    const pkcs8 = Buffer.concat([
      Buffer.from("302e020100300506032b657004220420", "hex"),
      Buffer.from(peter.secret, "base64").subarray(1),
    ]);
    const secret = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    const signature = new Uint8Array(sign(null, signedBytes(peter), secret));
    expect(signedNote(peter.text, keyOf(peter.key), signature)).toBe(peterNote);
  });

  it("is not signed by a key of another name or id, nor for another text", () => {
    const note = parseNote(peterNote)!;
    const key = keyOf(peter.key);
    expect(isSignedBy(note, keyOf(published.key), verifySignature)).toBe(false);
    expect(isSignedBy(note, { ...key, name: "Peter" }, verifySignature)).toBe(false);
    expect(isSignedBy(note, { ...key, id: key.id.toReversed() }, verifySignature)).toBe(false);
    expect(isSignedBy({ ...note, text: note.text.toUpperCase() }, key, verifySignature)).toBe(false);
  });

  it("may carry signatures of others, but no wrong one of the key", () => {
    const foreign = peterNote + published.note.split("\n\n")[1]!;
    expect(isSignedBy(parseNote(foreign)!, keyOf(peter.key), verifySignature)).toBe(true);
    const signatures = parseNote(peterNote)!.signatures.map((one) => {
      return { ...one, signature: one.signature.toReversed() };
    });
    const spoiled = { text: peter.text, signatures: [...parseNote(peterNote)!.signatures, ...signatures] };
    expect(isSignedBy(spoiled, keyOf(peter.key), verifySignature)).toBe(false);
  });

  it("keeps empty lines in its text", () => {
    const note = parseNote(`a\n\n\n— b ${"A".repeat(92)}\n\n${peter.line}`)!;
    expect(note.text).toBe(`a\n\n\n— b ${"A".repeat(92)}\n`);
  });

  it.each([
    ["nothing", ""],
    ["no empty line", `a\n${peter.line}`],
    ["no signature", "a\n\n"],
    ["no newline at its end", peterNote.slice(0, -1)],
    ["a line that is no signature", `${peterNote}x\n`],
    ["another dash", peterNote.replace("—", "-")],
    ["no name", peterNote.replace("PeterNeumann", "")],
    ["a plus in the name", peterNote.replace("PeterNeumann", "Peter+Neumann")],
    ["broken base64", peterNote.replace("AM=\n", "AM\n")],
    ["a signature of nothing", "a\n\n— b AAAAAA==\n"],
    ["a control character", peterNote.replace("If", "\tIf")],
    ["a carriage return", peterNote.replaceAll("\n", "\r\n")],
    ["too many signatures", `a\n\n${peter.line.repeat(101)}`],
  ])("is not one with %s", (_, text) => {
    expect(parseNote(text)).toBeUndefined();
  });

  it("takes no key whose id is not its own, or of another kind", () => {
    for (const odd of [
      "",
      "PeterNeumann",
      peter.key.replace("c74f20a3", "c74f20a4"),
      peter.key.replace("PeterNeumann", "Peter Neumann"),
      peter.key.replace("+ARpc", "+AhpC"),
      peter.key.slice(0, -4),
    ])
      expect(parseVerifierKey(odd, digest)).toBeUndefined();
  });
});

describe("a checkpoint", () => {
  it("is read from the specification's example, and written back the same", () => {
    const { text } = parseNote(checkpointNote)!;
    const head = parseCheckpoint(text)!;
    expect(head).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20852163 });
    expect(checkpointText(head)).toBe(text);
    expect(parseCheckpoint(`${text}an extension\n`)).toEqual(head);
  });

  it.each([
    ["an empty line", (text: string) => text.replace("\n", "\n\n")],
    ["no newline at its end", (text: string) => text.slice(0, -1)],
    ["a size with a zero in front", (text: string) => text.replace("20852163", "020852163")],
    ["a size that is no number", (text: string) => text.replace("20852163", "2e3")],
    ["a shorter root", (text: string) => text.replace("CsUYapGGPo4d", "CsUYapGG")],
    ["no origin", (text: string) => text.slice(text.indexOf("\n"))],
  ])("is not one with %s", (_, change) => {
    expect(parseCheckpoint(change(parseNote(checkpointNote)!.text))).toBeUndefined();
  });
});

describe("proofs as texts", () => {
  const hash = Uint8Array.from({ length: 32 }, (_, i) => i);
  const encoded = Buffer.from(hash).toString("base64");

  it("are a tlog-proof, and what a witness takes", () => {
    expect(inclusionText(6, [hash], checkpointNote)).toBe(
      `c2sp.org/tlog-proof@v1\nindex 6\n${encoded}\n\n${checkpointNote}`,
    );
    expect(inclusionText(0, [], checkpointNote)).toBe(`c2sp.org/tlog-proof@v1\nindex 0\n\n${checkpointNote}`);
    expect(consistencyText(5, [hash, hash], checkpointNote)).toBe(`old 5\n${encoded}\n${encoded}\n\n${checkpointNote}`);
  });
});
