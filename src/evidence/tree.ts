import type { EventLog, LogAccess, StoredRecord } from "../events/log.ts";
import type { Leaves } from "../proof/merkle.ts";
import { rootOf } from "../proof/merkle.ts";
import { digest, lineHash } from "./crypto.ts";
import type { TileCache, Tiles } from "./tiles.ts";
import { noTiles, tileLeaves } from "./tiles.ts";

/** The Merkle tree over a log's first `size` records, whose leaves are their stored lines. */
export interface RecordTree {
  readonly size: number;
  root(leaves: Leaves): Promise<Uint8Array>;
  roots(path: readonly Leaves[]): Promise<Uint8Array[]>;
}

/** So many new tiles are worth writing the cache for: reading their records again would take longer. */
const savedFrom = 4;

/** The tree over the first `size` records. Reads what the cache does not know of them, and leaves it in the cache. */
export async function recordTree(log: LogAccess, size: number, cache: TileCache): Promise<RecordTree> {
  const cached = await loadTiles(log, size, cache);
  const roots = [...cached.roots];
  let end = { position: cached.position, hash: cached.hash };
  let leaves: Uint8Array[] = [];
  for await (const { record, line } of recordsIn(log, { from: cached.position, to: size })) {
    leaves.push(lineHash(line));
    if (leaves.length < tileLeaves) continue;
    roots.push(rootOf(leaves, digest));
    end = { position: record.position, hash: record.hash };
    leaves = [];
  }
  if (roots.length - cached.roots.length >= savedFrom) await cache.save({ ...end, roots });
  return new TiledTree(log, size, roots, leaves);
}

/** Only if they are of this very log, by the hash of the last record they cover, which commits to all before it. */
async function loadTiles(log: LogAccess, size: number, cache: TileCache): Promise<Tiles> {
  const tiles = await cache.load();
  if (!tiles) return noTiles;
  const head = await log.use((open) => open.head());
  if (tiles.position > head.position) return noTiles;
  for await (const { record } of recordsIn(log, { from: tiles.position - 1, to: tiles.position }))
    if (record.hash === tiles.hash) return upTo(tiles, size);
  return noTiles;
}

/** For the tree of an older size. Its last position is without a hash, since it is not saved. */
function upTo(tiles: Tiles, size: number): Tiles {
  if (tiles.position <= size) return tiles;
  const roots = tiles.roots.slice(0, Math.floor(size / tileLeaves));
  return { position: roots.length * tileLeaves, hash: "", roots };
}

class TiledTree implements RecordTree {
  readonly size: number;
  readonly #log: LogAccess;
  /** Of each full tile. */
  readonly #tiles: readonly Uint8Array[];
  /** The leaves after the last full tile. */
  readonly #rest: readonly Uint8Array[];
  /** The tile that was read last: the proofs of neighbours are made from the same one. */
  #tile: { readonly start: number; readonly leaves: readonly Uint8Array[] } = { start: -1, leaves: [] };
  /** Roots over several tiles, by their place. Proofs share most of them. */
  readonly #large = new Map<string, Uint8Array>();

  constructor(log: LogAccess, size: number, tiles: readonly Uint8Array[], rest: readonly Uint8Array[]) {
    this.size = size;
    this.#log = log;
    this.#tiles = tiles;
    this.#rest = rest;
  }

  /** A part that the tree divides into: more than a tile always starts with a tile, and ends with one or the tree. */
  async root({ from, to }: Leaves): Promise<Uint8Array> {
    if (to - from < tileLeaves) return rootOf(await this.#leaves(from, to), digest);
    const known = this.#large.get(`${from}-${to}`);
    if (known) return known;
    const [first, end] = [from / tileLeaves, Math.floor(to / tileLeaves)];
    const beyond = to > end * tileLeaves ? [await this.root({ from: end * tileLeaves, to })] : [];
    const root = rootOf([...this.#tiles.slice(first, end), ...beyond], digest);
    this.#large.set(`${from}-${to}`, root);
    return root;
  }

  async roots(path: readonly Leaves[]): Promise<Uint8Array[]> {
    const roots: Uint8Array[] = [];
    for (const leaves of path) roots.push(await this.root(leaves));
    return roots;
  }

  /** Some leaves of one tile. */
  async #leaves(from: number, to: number): Promise<readonly Uint8Array[]> {
    const tiled = this.#tiles.length * tileLeaves;
    if (from >= tiled) return this.#rest.slice(from - tiled, to - tiled);
    const start = from - (from % tileLeaves);
    if (this.#tile.start !== start) this.#tile = { start, leaves: await this.#read(start) };
    return this.#tile.leaves.slice(from - start, to - start);
  }

  async #read(start: number): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [];
    for await (const { line } of recordsIn(this.#log, { from: start, to: start + tileLeaves }))
      hashes.push(lineHash(line));
    return hashes;
  }
}

/** How many records are read at one opening: the log is never held for longer. */
const recordsAtOnce = 20_000;

/** The records at these leaves: position - 1. */
export async function* recordsIn(log: LogAccess, { from, to }: Leaves): AsyncGenerator<StoredRecord> {
  for (let next = from; next < to; next += recordsAtOnce) {
    const until = Math.min(next + recordsAtOnce, to);
    yield* await log.use((open) => collected(open, next, until));
  }
}

async function collected(open: EventLog, from: number, to: number): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const stored of open.read({ from: from + 1, to: to + 1 })) records.push(stored);
  return records;
}
