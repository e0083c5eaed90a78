/**
 * The Merkle tree of RFC 6962, section 2.1: its root commits to a sequence of leaves, and a few hashes prove that one
 * leaf is in it (inclusion) or that one tree begins with another (consistency). Runs in a browser: SHA-256 is handed in.
 */

/** SHA-256 of bytes, as 32 bytes. */
export type Digest = (bytes: Uint8Array) => Uint8Array;

/** Consecutive leaves, `from` inclusive, `to` exclusive, counted from 0. A proof is the roots of some of these. */
export interface Leaves {
  readonly from: number;
  readonly to: number;
}

/** Leaves and nodes begin with different bytes, so that neither can be passed off as the other. */
export function leafHash(leaf: Uint8Array, digest: Digest): Uint8Array {
  const bytes = new Uint8Array(1 + leaf.length);
  bytes.set(leaf, 1);
  return digest(bytes);
}

export function nodeHash(left: Uint8Array, right: Uint8Array, digest: Digest): Uint8Array {
  const bytes = new Uint8Array(1 + left.length + right.length);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 1 + left.length);
  return digest(bytes);
}

/**
 * The root over the hashes of leaves, or over the roots of equally many leaves each (a power of two; the last may be of
 * fewer). Pairs are joined level by level and one that is left over moves up as it is, which gives the RFC's tree.
 */
export function rootOf(hashes: readonly Uint8Array[], digest: Digest): Uint8Array {
  let level = hashes;
  while (level.length > 1) level = paired(level, digest);
  return level[0] ?? digest(new Uint8Array(0));
}

function paired(level: readonly Uint8Array[], digest: Digest): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const [left, right] = [level[i], level[i + 1]];
    if (left) above.push(right ? nodeHash(left, right, digest) : left);
  }
  return above;
}

/** The largest power of two below `size`: where the tree divides. */
function division(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

/** Whose roots prove that leaf `index` is in the tree of `size` leaves: the sibling first, the root's child last. */
export function inclusionPath(index: number, size: number, from = 0): Leaves[] {
  if (size <= 1) return [];
  const half = division(size);
  const middle = from + half;
  if (index < half) return [...inclusionPath(index, half, from), { from: middle, to: from + size }];
  return [...inclusionPath(index - half, size - half, middle), { from, to: middle }];
}

/** Whose roots prove that the tree of `size` leaves begins with the tree of `old` leaves. Needs 0 < old <= size. */
export function consistencyPath(old: number, size: number): Leaves[] {
  return subPath(old, size, 0, true);
}

/** `whole`: the old leaves here are the whole old tree, whose root the verifier has already. */
function subPath(old: number, size: number, from: number, whole: boolean): Leaves[] {
  if (old === size) return whole ? [] : [{ from, to: from + size }];
  const half = division(size);
  const middle = from + half;
  if (old <= half) return [...subPath(old, half, from, whole), { from: middle, to: from + size }];
  return [...subPath(old - half, size - half, middle, false), { from, to: middle }];
}

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  /** The leaf's hash. */
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** Whether the proof shows that the leaf is at this place of the tree with this root. */
export function verifyInclusion({ index, size, leaf, proof, root }: Inclusion, digest: Digest): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  const found = climb(leaf, index, size, proof, digest);
  return found !== undefined && equal(found, root);
}

/** The root that the path leads to; undefined when it has too few hashes or too many. */
function climb(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  digest: Digest,
): Uint8Array | undefined {
  const sibling = path.at(-1);
  if (size === 1) return sibling ? undefined : leaf;
  if (!sibling) return undefined;
  const half = division(size);
  const rest = path.slice(0, -1);
  const left = index < half;
  const below = left ? climb(leaf, index, half, rest, digest) : climb(leaf, index - half, size - half, rest, digest);
  if (!below) return undefined;
  return left ? nodeHash(below, sibling, digest) : nodeHash(sibling, below, digest);
}

export interface Consistency {
  readonly old: { readonly size: number; readonly root: Uint8Array };
  readonly now: { readonly size: number; readonly root: Uint8Array };
  readonly proof: readonly Uint8Array[];
}

/** Whether the proof shows that the new tree begins with the old one: nothing was changed or taken out. */
export function verifyConsistency({ old, now, proof }: Consistency, digest: Digest): boolean {
  if (!isCount(old.size) || !isCount(now.size) || old.size > now.size) return false;
  if (old.size === 0) return proof.length === 0 && equal(old.root, rootOf([], digest));
  const found = climbBoth(old.size, now.size, proof, old.root, digest);
  return found !== undefined && equal(found.old, old.root) && equal(found.now, now.root);
}

interface Roots {
  readonly old: Uint8Array;
  readonly now: Uint8Array;
}

/** The two roots that the path leads to. `whole` is the old tree's root as long as all of it is here, then undefined. */
function climbBoth(
  old: number,
  size: number,
  path: readonly Uint8Array[],
  whole: Uint8Array | undefined,
  digest: Digest,
): Roots | undefined {
  const last = path.at(-1);
  if (old === size) {
    const root = whole ?? last;
    return root && path.length === (whole ? 0 : 1) ? { old: root, now: root } : undefined;
  }
  if (!last) return undefined;
  const half = division(size);
  const rest = path.slice(0, -1);
  if (old <= half) {
    const below = climbBoth(old, half, rest, whole, digest);
    return below && { old: below.old, now: nodeHash(below.now, last, digest) };
  }
  const below = climbBoth(old - half, size - half, rest, undefined, digest);
  return below && { old: nodeHash(last, below.old, digest), now: nodeHash(last, below.now, digest) };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
