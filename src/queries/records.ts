import { idNamed } from "./at-position.ts";
import type { QueryContext } from "../commands/context.ts";
import type { DomainId } from "../events/ids.ts";
import type { EventLog, StoredRecord } from "../events/log.ts";
import { everNamed } from "../projections/names.ts";

/** How many records are read at one opening: the log is never held while the reader is busy with them. */
const chunkRecords = 5000;
/** Backwards it is the last few that are wanted: each chunk is twice as large as the one before. */
const firstBackwards = 64;
const mostBackwards = 512;

export async function* readInChunks(context: QueryContext, range: ReadRange = {}): AsyncIterable<StoredRecord> {
  const { from = 1, domain, reverse = false } = range;
  const head = await context.log.use((open) => open.head());
  const to = Math.min(range.to ?? Infinity, head.position + 1);
  const id = domain === undefined ? undefined : await idEver(context, domain);
  yield* reverse ? backwards(context, id, from, to) : forwards(context, id, from, to);
}

async function* forwards({ log }: QueryContext, id: DomainId | undefined, from: number, to: number) {
  for (let next = id === undefined ? from : 1; ;) {
    const chunk = await log.use((open) => readChunk(open, id, next, to, chunkRecords));
    for (const stored of chunk) if (stored.record.position >= from) yield stored;
    const last = chunk.at(-1)?.record;
    if (!last || chunk.length < chunkRecords) return;
    next = placeOf(last, id) + 1;
  }
}

/** From the end, chunk by chunk: the last few records are read without the rest. */
async function* backwards({ log }: QueryContext, id: DomainId | undefined, from: number, to: number) {
  let end = id === undefined ? to : (await log.use((open) => open.revision(id))) + 1;
  const least = id === undefined ? from : 1;
  for (let most: number = firstBackwards; end > least; most = Math.min(2 * most, mostBackwards)) {
    const start = Math.max(least, end - most);
    const chunk = await log.use((open) => readChunk(open, id, start, id === undefined ? end : to, end - start));
    for (const stored of chunk.reverse()) {
      if (stored.record.position < from) return;
      yield stored;
    }
    end = start;
  }
}

/** Where a record stands in what is read: in the log, or among its domain's. */
function placeOf({ position, revision }: StoredRecord["record"], id: DomainId | undefined): number {
  return id === undefined ? position : (revision ?? 0);
}

/** A domain by the name that it has, or had last, or by its uuid. DOMAIN_NOT_FOUND when there never was one. */
export async function idEver({ log, states }: QueryContext, domain: string): Promise<DomainId> {
  return log.use(async (open) => {
    const directory = await states.directory(open);
    const last = everNamed(directory.names, domain).at(-1);
    if (last !== undefined) return last;
    return (await open.revision(domain)) > 0 ? domain : idNamed(directory, domain);
  });
}

async function readChunk(log: EventLog, id: string | undefined, next: number, to: number, most: number) {
  const chunk: StoredRecord[] = [];
  const records =
    id === undefined ? log.read({ from: next, to }) : log.readDomain(id, { fromRevision: next, upTo: to - 1 });
  for await (const stored of records) {
    chunk.push(stored);
    if (chunk.length === most) break;
  }
  return chunk;
}

export interface ReadRange {
  readonly from?: number;
  readonly to?: number;
  readonly domain?: string;
  readonly reverse?: boolean;
}
