import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fromBase64, toBase64, toHex } from "../../../src/proof/base64.ts";
import type { Consistency, Digest, Inclusion, Leaves } from "../../../src/proof/merkle.ts";
import {
  consistencyPath,
  equal,
  inclusionPath,
  leafHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/proof/merkle.ts";

const digest: Digest = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

/** The tree that Certificate Transparency's reference implementations publish for RFC 6962, and its roots by size. */
const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const [n1, n2, n3] = [
  "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
  "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
];
const n4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const n5 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const n6 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

const hashes = leaves.map((leaf) => leafHash(bytes(leaf), digest));
const rootAt = (size: number) => bytes(roots[size] ?? "");
const proven = (path: readonly Leaves[], of = hashes) => path.map(({ from, to }) => rootOf(of.slice(from, to), digest));

describe("the Merkle tree of RFC 6962", () => {
  it("has the published root at every size", () => {
    expect(roots.map((_, size) => toHex(rootOf(hashes.slice(0, size), digest)))).toEqual(roots);
  });

  it.each([
    [0, 1, []],
    [0, 2, [n1]],
    [1, 2, [roots[1]]],
    [2, 3, [roots[2]]],
    [1, 5, [roots[1], n2, n4]],
    [0, 8, [n1, n2, n3]],
    [5, 8, [n4, n5, roots[4]]],
  ])("proves leaf %i of %i as published", (index, size, published) => {
    const proof = proven(inclusionPath(index, size));
    expect(proof.map(toHex)).toEqual(published);
    expect(verifyInclusion({ index, size, leaf: hashes[index]!, proof, root: rootAt(size) }, digest)).toBe(true);
  });

  it.each([
    [1, 1, []],
    [1, 8, [n1, n2, n3]],
    [2, 5, [n2, n4]],
    [6, 8, [n6, n5, roots[4]]],
  ])("proves that the tree of %i begins the tree of %i as published", (old, size, published) => {
    const proof = proven(consistencyPath(old, size));
    expect(proof.map(toHex)).toEqual(published);
    const claim = { old: { size: old, root: rootAt(old) }, now: { size, root: rootAt(size) }, proof };
    expect(verifyConsistency(claim, digest)).toBe(true);
  });
});

/** Trees of up to 40 leaves: past 32, so that every shape of the last subtree is among them. */
const many = Array.from({ length: 40 }, (_, i) => leafHash(Uint8Array.of(i), digest));
const manyRoots = [...many, undefined].map((_, size) => rootOf(many.slice(0, size), digest));

function inclusions(): Inclusion[] {
  return manyRoots.flatMap((root, size) =>
    many.slice(0, size).map((leaf, index) => {
      return { index, size, leaf, proof: proven(inclusionPath(index, size), many), root };
    }),
  );
}

function consistencies(): Consistency[] {
  return manyRoots.flatMap((root, size) =>
    manyRoots.slice(1, size + 1).map((oldRoot, i) => {
      const old = { size: i + 1, root: oldRoot };
      return { old, now: { size, root }, proof: proven(consistencyPath(i + 1, size), many) };
    }),
  );
}

/** The same proof with one hash changed, one taken away or one added. */
function spoiled(proof: readonly Uint8Array[]): Uint8Array[][] {
  const changed = proof.map((hash, i) => proof.with(i, digest(hash)));
  return [...changed, ...proof.map((_, i) => proof.toSpliced(i, 1)), [...proof, many[0]!], [many[0]!, ...proof]];
}

describe("a proof of inclusion", () => {
  it("holds for every leaf of every tree, and for no other leaf, place or root", () => {
    for (const claim of inclusions()) {
      expect(verifyInclusion(claim, digest)).toBe(true);
      const { index, size, leaf, root } = claim;
      const others = [
        { ...claim, leaf: digest(leaf) },
        { ...claim, root: digest(root) },
        { ...claim, index: index + 1 },
        { ...claim, index: index - 1 },
        { ...claim, index: 0.5 },
        { ...claim, index: size },
      ];
      expect(others.filter((other) => verifyInclusion(other, digest))).toEqual([]);
    }
  });

  it("holds for no hash too many, too few or changed", () => {
    for (const claim of inclusions())
      for (const proof of spoiled(claim.proof)) expect(verifyInclusion({ ...claim, proof }, digest)).toBe(false);
  });
});

describe("a proof of consistency", () => {
  it("holds between any two sizes of a tree, and not when either root is another", () => {
    for (const claim of consistencies()) {
      expect(verifyConsistency(claim, digest)).toBe(true);
      const { old, now } = claim;
      expect(verifyConsistency({ ...claim, old: { ...old, root: digest(old.root) } }, digest)).toBe(false);
      expect(verifyConsistency({ ...claim, now: { ...now, root: digest(now.root) } }, digest)).toBe(false);
      if (old.size < now.size) expect(verifyConsistency({ ...claim, old: now, now: old }, digest)).toBe(false);
    }
  });

  it("holds for no hash too many, too few or changed", () => {
    for (const claim of consistencies())
      for (const proof of spoiled(claim.proof)) expect(verifyConsistency({ ...claim, proof }, digest)).toBe(false);
  });

  it("from the empty tree is empty, and starts from that tree's own root", () => {
    const now = { size: 40, root: manyRoots[40]! };
    expect(verifyConsistency({ old: { size: 0, root: manyRoots[0]! }, now, proof: [] }, digest)).toBe(true);
    expect(verifyConsistency({ old: { size: 0, root: many[0]! }, now, proof: [] }, digest)).toBe(false);
    expect(verifyConsistency({ old: { size: 0, root: manyRoots[0]! }, now, proof: [many[0]!] }, digest)).toBe(false);
  });

  it("is of a few hashes only, in a tree of a million", () => {
    expect(inclusionPath(123_456, 1_000_000)).toHaveLength(20);
    expect(consistencyPath(123_456, 1_000_000).length).toBeLessThan(25);
  });
});

describe("a root over the roots of equally large parts", () => {
  it("is the root over their leaves", () => {
    for (const part of [2, 4, 8, 16]) {
      for (const [size, root] of manyRoots.entries()) {
        const parts = Array.from({ length: Math.ceil(size / part) }, (_, i) =>
          rootOf(many.slice(i * part, Math.min((i + 1) * part, size)), digest),
        );
        expect(equal(rootOf(parts, digest), root)).toBe(true);
      }
    }
  });
});

describe("base64", () => {
  it("is read back, and only in its one form", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(fromBase64(toBase64(all))).toEqual(all);
    expect(toBase64(all)).toBe(Buffer.from(all).toString("base64"));
    for (const odd of ["AA", "AA=", "AB==", "A===", " AA==", "AA==\n", "AA-_", "====", "AAAA===="])
      expect(fromBase64(odd)).toBeUndefined();
  });
});
