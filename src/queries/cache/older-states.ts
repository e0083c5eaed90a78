import { access, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { isUuid } from "../../events/ids.ts";
import type { DomainId } from "../../events/ids.ts";
import type { CachedStates } from "./cache.ts";
import { parseDomain, writeDomain } from "../../projections/serialize.ts";
import type { DomainState } from "../../projections/state.ts";

/**
 * Cached states at older positions, so that a question about the past need not be folded from the start. They lie at
 * multiples of a distance that doubles as the history grows: their number is bounded, and so are their bytes.
 */

/** No two are nearer to each other than this many events of the domain: folding so many takes a few milliseconds. */
const nearest = 512;
/** No domain keeps more than this many, nor more bytes than this by a rough estimate; but always a few. */
const most = 48;
const mostBytes = 64 * 1024 * 1024;
const fewest = 4;

export function isOlderKept({ revision }: DomainState): boolean {
  return revision % nearest === 0 && revision > 0;
}

/** How far apart a domain's older cached states lie when it has grown to this state. */
export function olderDistance({ revision, snapshots, layers }: DomainState): number {
  const roughBytes = 2000 + 600 * snapshots.size + 500 * layers.size;
  const kept = Math.min(most, Math.max(fewest, Math.floor(mostBytes / roughBytes)));
  let distance = nearest;
  while (revision / distance > kept) distance *= 2;
  return distance;
}

interface Texts {
  readonly loadText: (path: string | undefined) => string | undefined;
  readonly saveText: (path: string | undefined, text: string) => Promise<void>;
}

interface OlderState {
  readonly path: string;
  readonly revision: number;
  readonly position: number;
}

type OlderStates = Pick<CachedStates, "loadOlder" | "saveOlder" | "dropOlder">;

/** In files `<uuid>.<revision>.<position>.json`, of the same form as the newest cached state. */
export function olderStateFiles(folder: string, { loadText, saveText }: Texts): OlderStates {
  return {
    async loadOlder(domain, upTo) {
      const before = (await listed(folder, domain)).filter(({ position }) => position <= upTo);
      // What cannot be read is passed over: the one before it is nearly as good.
      for (const { path } of before.sort((a, b) => b.position - a.position)) {
        const text = loadText(path);
        const state = text === undefined ? undefined : parseDomain(text, domain);
        if (state) return state;
      }
      return undefined;
    },
    async saveOlder(state) {
      const distance = olderDistance(state);
      if (!isUuid(state.id) || state.revision % distance !== 0) return;
      const path = join(folder, `${state.id}.${state.revision}.${state.position}.json`);
      if (await exists(path)) return;
      await saveText(path, writeDomain(state));
      await removeAll((await listed(folder, state.id)).filter(({ revision }) => revision % distance !== 0));
    },
    dropOlder: async (domain) => removeAll(await listed(folder, domain)),
  };
}

async function listed(folder: string, domain: DomainId): Promise<OlderState[]> {
  if (!isUuid(domain)) return [];
  const names = await readdir(folder).catch((): string[] => []);
  return names.flatMap((name) => {
    const [, id, revision, position] = /^([0-9a-f-]{36})\.(\d+)\.(\d+)\.json$/.exec(name) ?? [];
    return id === domain ? [{ path: join(folder, name), revision: Number(revision), position: Number(position) }] : [];
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function removeAll(older: readonly OlderState[]): Promise<void> {
  for (const { path } of older) await unlink(path).catch(() => undefined);
}
