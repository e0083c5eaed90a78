import { SnapledgerError } from "../errors.ts";
import { noPosition } from "../projections/lookups.ts";
import type { LogAccess, LogHead } from "../events/log.ts";
import { toHex } from "../proof/base64.ts";
import { consistencyText, inclusionText, originOf } from "../proof/checkpoint.ts";
import { consistencyPath, inclusionPath } from "../proof/merkle.ts";
import type { ConsistencyProof, InclusionProof, KeyOption, Proving, SignedCheckpoint } from "./api.ts";
import type { Signer } from "./key.ts";
import { describeKey, loadPublicKey, loadSigner, makeKey } from "./key.ts";
import { mismatch, openCheckpoint, signHead } from "./signed.ts";
import type { SignedBefore } from "./signed-before.ts";
import { forked, signedBefore } from "./signed-before.ts";
import type { TileCache } from "./tiles.ts";
import { noTileCache } from "./tiles.ts";
import type { RecordTree } from "./tree.ts";
import { recordTree } from "./tree.ts";

export interface ProvingParts {
  readonly log: LogAccess;
  /** The store's own key, which need not be there. */
  readonly keyPath: string;
  readonly tiles: TileCache;
}

/** A checkpoint together with the tree it is of. */
export interface CheckpointedTree {
  readonly checkpoint: SignedCheckpoint;
  readonly tree: RecordTree;
}

export function provingOn(parts: ProvingParts): Proving {
  return {
    publicKey: async (options) => describeKey(await believedKey(parts, options)),
    checkpoint: async (options) => (await signedTree(parts, options)).checkpoint,
    prove: (position, options) => prove(parts, position, options),
    proveConsistent: (old, now, options) => proveConsistent(parts, old, now, options),
    verifyCheckpoint: (note, options) => verifyCheckpoint(parts, note, options),
  };
}

/**
 * Signs the log's first `size` records; all there are, if no size is given. LOG_FORKED when the log does not hold what
 * the same key signed before.
 */
export async function signedTree(
  parts: ProvingParts,
  { key }: KeyOption = {},
  size?: number,
): Promise<CheckpointedTree> {
  const head = await headOf(parts);
  const signer = await signerOf(parts, head, key);
  const tree = await treeOf(parts, head, size ?? head.position);
  const root = await tree.root({ from: 0, to: tree.size });
  const checkpoint = signHead({ origin: signer.key.name, size: tree.size, root }, signer);
  const before = signedBefore(key ?? parts.keyPath, head.logId);
  let agreed = await agreeingWith(parts, before, signer);
  await inTurn(() =>
    // While the store is held, so that no other process that signs it comes between reading and writing.
    parts.log.use(async () => {
      const now = await before.load(signer.key);
      if (now && now.note !== agreed?.note) agreed = await agreeingWith(parts, before, signer);
      if (!agreed || tree.size > agreed.size) await before.save(checkpoint);
    }),
  );
  return { checkpoint, tree };
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other in this process, whose uses of a log may overlap. */
async function inTurn(work: () => Promise<void>): Promise<void> {
  const mine = last.then(work, work);
  last = mine.catch(() => undefined);
  return mine;
}

/** LOG_FORKED when this key has signed of this log what it does not hold. */
export async function checkNotForked(parts: ProvingParts, signer: Signer, head: LogHead, key?: string): Promise<void> {
  await agreeingWith(parts, signedBefore(key ?? parts.keyPath, head.logId), signer);
}

async function agreeingWith(parts: ProvingParts, signed: SignedBefore, { key }: Signer) {
  const before = await signed.load(key);
  if (!before) return undefined;
  await agreeing(parts, before).catch((error: unknown) => {
    throw forked(before, signed.path, error);
  });
  return before;
}

async function headOf({ log }: ProvingParts): Promise<LogHead> {
  return log.use((open) => open.head());
}

export async function signerOf({ keyPath }: ProvingParts, { logId }: LogHead, key?: string): Promise<Signer> {
  if (key === undefined) await makeKey(keyPath);
  return loadSigner(key ?? keyPath, originOf(logId));
}

async function believedKey(parts: ProvingParts, { key }: KeyOption = {}): ReturnType<typeof loadPublicKey> {
  return loadPublicKey(key ?? parts.keyPath, originOf((await headOf(parts)).logId));
}

async function treeOf({ log, tiles }: ProvingParts, head: LogHead, size: number): Promise<RecordTree> {
  if (size >= 1 && size <= head.position) return recordTree(log, size, tiles);
  throw noPosition(size, head.position);
}

async function prove(
  parts: ProvingParts,
  position: number,
  { checkpoint: held, ...options }: KeyOption & { readonly checkpoint?: string } = {},
): Promise<InclusionProof> {
  const { checkpoint, tree } = await atSize(parts, held, options);
  if (position > tree.size || position < 1)
    throw new SnapledgerError("POSITION_NOT_FOUND", `Position ${position} is not under this checkpoint.`, {
      facts: { position, size: checkpoint.size },
      hint: `It is of positions 1 to ${checkpoint.size}.`,
    });
  const proof = await tree.roots(inclusionPath(position - 1, tree.size));
  return { position, proof: proof.map(toHex), checkpoint, text: inclusionText(position - 1, proof, checkpoint.note) };
}

async function proveConsistent(
  parts: ProvingParts,
  old: number | string,
  now: number | string | undefined,
  options: KeyOption = {},
): Promise<ConsistencyProof> {
  const { checkpoint, tree } = await atSize(parts, now, options);
  const before = typeof old === "number" ? old : (await atSize(parts, old, options)).checkpoint.size;
  if (before < 1 || before > tree.size)
    throw new SnapledgerError("USAGE", `${before} records do not come before ${tree.size}.`, {
      facts: { old: before, new: tree.size },
      hint: "Give the older one first. Each is a position, or a file that `snapledger checkpoint` wrote.",
    });
  const proof = await tree.roots(consistencyPath(before, tree.size));
  return { old: before, proof: proof.map(toHex), checkpoint, text: consistencyText(before, proof, checkpoint.note) };
}

/** A checkpoint that was signed before, if the log still agrees with it; or a new one, of so many records. */
async function atSize(
  parts: ProvingParts,
  which: number | string | undefined,
  options: KeyOption,
): Promise<CheckpointedTree> {
  if (typeof which !== "string") return signedTree(parts, options, which);
  const checkpoint = openCheckpoint(which, await believedKey(parts, options));
  return { checkpoint, tree: await agreeing(parts, checkpoint) };
}

/** Reads the records themselves: what a cache says of them proves nothing. */
async function verifyCheckpoint(parts: ProvingParts, note: string, options?: KeyOption): Promise<SignedCheckpoint> {
  const checkpoint = openCheckpoint(note, await believedKey(parts, options));
  await agreeing({ ...parts, tiles: noTileCache }, checkpoint);
  return checkpoint;
}

/** The tree of a checkpoint's size. CHECKPOINT_MISMATCH when the log is shorter, or its tree is another. */
async function agreeing({ log, tiles }: ProvingParts, { size, root }: SignedCheckpoint): Promise<RecordTree> {
  const head = await log.use((open) => open.head());
  if (size > head.position) {
    const message = `The checkpoint is of ${size} records, but the log holds ${head.position}: it was cut, or an old copy was put back.`;
    throw mismatch(message, { size, head: head.position });
  }
  const tree = await recordTree(log, size, tiles);
  const found = `sha256:${toHex(await tree.root({ from: 0, to: size }))}`;
  if (found === root) return tree;
  const message = `The first ${size} records are not those that were signed: the log was rewritten.`;
  throw mismatch(message, { size, root: found, signed: root });
}
