import type { EventRecord } from "../events/events.ts";
import type { LayerId, SnapshotId } from "../events/ids.ts";
import type { DomainState } from "./state.ts";

/** What heads and base roles refer to. */
export function namedRoots(state: DomainState): LayerId[] {
  return [...Object.values(state.heads), ...Object.values(state.baseRoles)];
}

/**
 * How often each layer is used, counted once and then kept up by `apply`: a command asks several times which layers are
 * anonymous and which are garbage, and both are few however many layers there are. The counts are no part of the state,
 * neither in memory nor on disk: nobody who folds a log without asking pays for them.
 */
export class LayerUses {
  /** Reachable layers that no snapshot, head or base role refers to. */
  readonly anonymous = new Set<LayerId>();
  /** Layers of ours that nobody can reach. */
  readonly garbage = new Set<LayerId>();
  readonly #state: DomainState;
  /** By snapshots, heads and base roles. */
  readonly #named = new Map<LayerId, number>();
  /** The same, and by each reachable layer that it backs. */
  readonly #used = new Map<LayerId, number>();
  /** Layers that may change: what they stand on is not counted as used by them meanwhile. */
  readonly #detached = new Set<LayerId>();

  constructor(state: DomainState) {
    this.#state = state;
    this.#nameRoots(1);
    for (const id of state.snapshots.keys()) this.#nameOf(id, 1);
    for (const id of state.layers.keys()) this.#classify(id);
  }

  /** Before a record is folded in: takes out whatever it may change. Call what this returns afterwards. */
  around({ snapshots, layers }: Touched): () => void {
    this.#nameRoots(-1);
    for (const id of snapshots) this.#nameOf(id, -1);
    for (const id of layers) {
      this.#detached.add(id);
      if (this.#used.has(id)) this.#use(this.#backingOf(id), -1);
    }
    return () => {
      for (const id of layers) {
        this.#detached.delete(id);
        if (this.#used.has(id)) this.#use(this.#backingOf(id), 1);
      }
      this.#nameRoots(1);
      for (const id of snapshots) this.#nameOf(id, 1);
      for (const id of layers) this.#classify(id);
    };
  }

  #nameRoots(by: 1 | -1): void {
    for (const id of namedRoots(this.#state)) this.#name(id, by);
  }

  #nameOf(snapshot: SnapshotId, by: 1 | -1): void {
    for (const id of Object.values(this.#state.snapshots.get(snapshot)?.layers ?? {})) this.#name(id, by);
  }

  #name(id: LayerId, by: 1 | -1): void {
    add(this.#named, id, by);
    this.#use(id, by);
  }

  /** What becomes reachable uses what it stands on, and so on down; what is not any more lets go of it. */
  #use(id: LayerId | null, by: 1 | -1): void {
    for (let at = id; at !== null;) {
      const before = this.#used.has(at);
      add(this.#used, at, by);
      const now = this.#used.has(at);
      this.#classify(at);
      if (before === now || this.#detached.has(at)) return;
      at = this.#backingOf(at);
    }
  }

  #backingOf(id: LayerId): LayerId | null {
    return this.#state.layers.get(id)?.backing ?? null;
  }

  #classify(id: LayerId): void {
    const isUsed = this.#used.has(id);
    put(this.anonymous, id, isUsed && !this.#named.has(id));
    put(this.garbage, id, !isUsed && this.#backingOf(id) !== null);
  }
}

function add(counts: Map<LayerId, number>, id: LayerId, by: 1 | -1): void {
  const count = (counts.get(id) ?? 0) + by;
  if (count === 0) counts.delete(id);
  else counts.set(id, count);
}

function put(set: Set<LayerId>, id: LayerId, isIn: boolean): void {
  if (isIn) set.add(id);
  else set.delete(id);
}

/** The state's counts, and the record that they were kept up to: immer's patches change a state without a word. */
const counted = new WeakMap<DomainState, { uses: LayerUses; revision: number; hash: string }>();

export function layerUses(state: DomainState): LayerUses {
  const { revision, hash } = state;
  const known = counted.get(state);
  if (known?.hash === hash && known.revision === revision) return known.uses;
  const uses = new LayerUses(state);
  counted.set(state, { uses, revision, hash });
  return uses;
}

/** For `apply`, before it folds the record in: undefined where nobody has asked, or there is nothing to keep up. */
export function keepingUses(state: DomainState, record: EventRecord): (() => void) | undefined {
  const known = counted.get(state);
  if (!known) return undefined;
  const touched = touchedBy(record);
  if (touched === "everything" || known.hash !== state.hash || known.revision !== state.revision) {
    counted.delete(state);
    return undefined;
  }
  const after = touched === "nothing" ? undefined : known.uses.around(touched);
  return () => {
    after?.();
    known.revision = state.revision;
    known.hash = state.hash;
  };
}

/** The snapshots whose layers a record may change, and the layers that it may add, remove, or put on another. */
interface Touched {
  readonly snapshots: ReadonlySet<SnapshotId>;
  readonly layers: ReadonlySet<LayerId>;
}

function touchedBy(record: EventRecord): Touched | "nothing" | "everything" {
  switch (record.type) {
    case "DomainDefined":
    case "DomainUndefined":
      return "everything";
    case "SnapshotCreated":
      return touched([record.data.snapshot], [...record.data.snapshot.layers, ...record.data.heads]);
    case "HeadsMoved":
      return touchedByMove(record.data.autosave, record.data.heads);
    case "SnapshotDeactivated":
      return touchedByMove(record.data.autosave, record.data.moved?.heads ?? []);
    case "SnapshotMerged": {
      const { snapshot, into, discarded, moved } = record.data;
      return touched([snapshot, ...(into ? [into] : []), ...discarded], moved?.heads ?? []);
    }
    case "SnapshotDiscarded":
      return touched(record.data.discarded, record.data.moved?.heads ?? []);
    case "LayersCompacted": {
      const snapshots = record.data.snapshots.map((id) => ({ id }));
      return touched(snapshots, record.data.repointed);
    }
    case "LayersRemoved":
      return touched([], record.data.files);
    default:
      return "nothing";
  }
}

function touchedByMove(
  autosave: { readonly id: SnapshotId; readonly layers: readonly { readonly layer: LayerId }[] } | null,
  heads: readonly { readonly layer: LayerId }[],
): Touched {
  return touched(autosave ? [autosave] : [], [...(autosave?.layers ?? []), ...heads]);
}

function touched(
  snapshots: readonly { readonly id: SnapshotId }[],
  layers: readonly { readonly layer: LayerId | null }[],
): Touched {
  return {
    snapshots: new Set(snapshots.map(({ id }) => id)),
    layers: new Set(layers.flatMap(({ layer }) => layer ?? [])),
  };
}
