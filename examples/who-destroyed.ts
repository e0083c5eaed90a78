/**
 * Who destroyed a snapshot, when, and with what words: read from the log alone, in position order.
 *
 *     npx tsx examples/who-destroyed.ts STORE DOMAIN SNAPSHOT
 */
import { fileURLToPath } from "node:url";
import { connect, explain } from "../src/index.ts";
import type { Connection, EventRecord } from "../src/index.ts";

/** One line per event that ended a snapshot of this name: time, position, sentence. */
export async function whoDestroyed(connection: Connection, domain: string, snapshot: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { record } of connection.read({ domain })) {
    if (ended(record).includes(snapshot)) {
      lines.push(`${record.time} [${record.position}] ${explain(record, { domain })}`);
    }
  }
  return lines;
}

/** Names that are gone after this event. */
function ended(record: EventRecord): string[] {
  switch (record.type) {
    case "SnapshotMerged":
      return [record.data.snapshot, ...record.data.discarded].map(({ name }) => name);
    case "SnapshotDiscarded":
    case "DomainUndefined":
      return record.data.discarded.map(({ name }) => name);
    default:
      return [];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , store, domain, snapshot] = process.argv;
  if (store === undefined || domain === undefined || snapshot === undefined) {
    throw new Error("usage: who-destroyed STORE DOMAIN SNAPSHOT");
  }
  const connection = await connect({ store });
  const lines = await whoDestroyed(connection, domain, snapshot);
  console.log(lines.join("\n") || `No snapshot "${snapshot}" of ${domain} was ever destroyed.`);
  await connection.close();
}
