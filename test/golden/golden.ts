import { join } from "node:path";
import { treeLines } from "../../src/cli/output/tree.ts";
import { History } from "../../src/cli/output/history.ts";
import type { EventRecord } from "../../src/events/events.ts";
import { parseRecord } from "../../src/events/seal.ts";
import { applyDirectory, emptyDirectory } from "../../src/projections/directory.ts";
import { apply } from "../../src/projections/domain.ts";
import { Operations } from "../../src/projections/history/operations.ts";
import type { OperationRecords } from "../../src/projections/history/operations.ts";
import { emptyState } from "../../src/projections/state.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { domainInfo, listSnapshots } from "../../src/projections/views/views.ts";
import { writeDomainSnapshot } from "../../src/xml/domainsnapshot.ts";

/** Recorded stores, and what is derived from a log to be compared with what was derived when it was recorded. */

export const goldenFolder = (name: string): string => join(import.meta.dirname, name);

/** Of each recording: the log's lines, the folded states, what was printed, and the store itself without its images. */
export const recorded = {
  log: "log.ndjson",
  states: "states.json",
  printed: "printed.txt",
  store: "store.tar.gz",
} as const;

export function statesOf(lines: readonly string[]): DomainState[] {
  const states = new Map<string, DomainState>();
  for (const record of lines.map(parseRecord)) {
    if (record.domain === null) continue;
    const state = states.get(record.domain) ?? emptyState(record.domain);
    states.set(record.domain, state);
    apply(state, record);
  }
  return [...states.values()];
}

/** Maps and sets as JSON has them. */
export function plain(states: readonly DomainState[]): unknown {
  return JSON.parse(
    JSON.stringify(states, (_, value: unknown) => {
      if (value instanceof Map) return Object.fromEntries(value) as unknown;
      return value instanceof Set ? [...(value as Set<unknown>)] : value;
    }),
  );
}

/** What the command line prints of a log, by its arguments; times are of the time zone UTC. */
export function printedOf(lines: readonly string[]): Map<string, string> {
  const records = lines.map((line) => parseRecord(line));
  const history = historyOf(records);
  const printed = new Map([
    ["log", joined(operationsIn(records).map((operation) => history.operationLine(operation)))],
    ["log --records", joined(records.map((record) => history.line(record)))],
  ]);
  for (const state of statesOf(lines).filter(({ defined }) => defined)) {
    const domain = domainInfo(state);
    printed.set(`snapshot-list ${domain.name} --tree`, joined([...treeLines(listSnapshots(state)), ""]));
    for (const snapshot of listSnapshots(state)) {
      const ask = `snapshot-dumpxml ${domain.name} ${snapshot.name}`;
      printed.set(ask, writeDomainSnapshot(snapshot, "rfc", domain));
      printed.set(`${ask} --libvirt`, writeDomainSnapshot(snapshot, "libvirt", domain));
    }
  }
  return printed;
}

/** As a terminal shows it. */
export function transcript(printed: ReadonlyMap<string, string>): string {
  return [...printed].map(([ask, answer]) => `$ snapledger ${ask}\n${answer}`).join("");
}

function historyOf(records: readonly EventRecord[]): History {
  const directory = emptyDirectory();
  for (const record of records) applyDirectory(directory, record);
  return new History(directory.names);
}

function operationsIn(records: readonly EventRecord[]): OperationRecords[] {
  const operations = new Operations();
  return [...records.flatMap((record) => operations.push(record)), ...operations.end()];
}

const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
