import type { EventRecord, RecordOf } from "../events/events.ts";
import type { DomainId } from "../events/ids.ts";
import type { GuestState } from "../events/records.ts";
import { endsOperation } from "./domain.ts";
import type { NameChange } from "./names.ts";
import type { DomainSummary, OperationInfo } from "./views/info.ts";

/** Every domain that there ever was, with what a list of them shows, and what names mean. */
export interface Directory {
  domains: Map<DomainId, ListedDomain>;
  /** Defined domains only. */
  byName: Map<string, DomainId>;
  /** The last event by which the log says itself that it may be behind the files; 0 for none. */
  gap: number;
  /** Every definition and undefinition there ever was, in position order: what names meant before. */
  names: NameChange[];
  /** The last record folded in. */
  position: number;
  hash: string;
}

/** Changes with every change of `applyDirectory`, or of what a cached state is written as. */
export const directoryVersion = 7;

export interface ListedDomain {
  id: DomainId;
  name: string;
  defined: boolean;
  /** That of its last event. */
  revision: number;
  guest: GuestState;
  operation: ListedOperation | null;
}

/** One without an outcome. */
export interface ListedOperation extends OperationInfo {
  /** The name that it is defining. */
  readonly defines: string | null;
}

export function emptyDirectory(): Directory {
  return { domains: new Map(), byName: new Map(), gap: 0, names: [], position: 0, hash: "" };
}

/** Folds one record in, of whatever domain. Never refuses: what is in the log has happened. */
export function applyDirectory(directory: Directory, record: EventRecord): void {
  directory.position = record.position;
  directory.hash = record.hash;
  if (record.domain === null) {
    if (record.type !== "LogCreated") directory.gap = record.position;
    return;
  }
  const domain = listed(directory, record.domain);
  domain.revision = record.revision ?? domain.revision;
  if (domain.operation?.id === record.operation && endsOperation(record)) domain.operation = null;
  switch (record.type) {
    case "OperationStarted":
      domain.operation = operationOf(record);
      return;
    case "DomainDefined":
      Object.assign(domain, { name: record.data.name, defined: true, guest: "off" });
      directory.byName.set(domain.name, domain.id);
      return noteName(directory, domain);
    case "DomainUndefined":
      if (directory.byName.get(domain.name) === domain.id) directory.byName.delete(domain.name);
      domain.defined = false;
      return noteName(directory, domain);
    case "DomainStarted":
      domain.guest = record.data.state;
      return;
    case "DomainStopped":
      domain.guest = "off";
      return;
    case "DomainSuspended":
      domain.guest = "paused";
      return;
    case "DomainResumed":
      domain.guest = "running";
      return;
    default:
      return;
  }
}

function listed(directory: Directory, id: DomainId): ListedDomain {
  const known = directory.domains.get(id);
  if (known) return known;
  const domain: ListedDomain = { id, name: "", defined: false, revision: 0, guest: "off", operation: null };
  directory.domains.set(id, domain);
  return domain;
}

function operationOf({ operation: id, data, time, position, actor }: RecordOf<"OperationStarted">) {
  if (id === null) return null;
  const { command } = data;
  const defines = command.type === "DefineDomain" ? command.name : null;
  return { id, command: command.type, since: time, position, user: actor.user, defines };
}

function noteName({ names, position }: Directory, { id, name, defined }: ListedDomain): void {
  names.push({ position, domain: id, name, defined });
}

/** The uuid of a defined domain, by its name or its uuid. */
export function domainIdOf(directory: Directory, nameOrId: string): DomainId | undefined {
  const byName = directory.byName.get(nameOrId);
  if (byName !== undefined) return byName;
  return directory.domains.get(nameOrId)?.defined ? nameOrId : undefined;
}

/** The uuid of the domain that an operation without an outcome is defining under this name. */
export function definingIdOf(directory: Directory, name: string): DomainId | undefined {
  return [...directory.domains.values()].find(({ operation }) => operation?.defines === name)?.id;
}

/** Defined domains, by name in code-unit order, as every list shows them. */
export function definedDomains(directory: Directory): DomainId[] {
  // Sorted without a comparison of ours: that of thousands of pairs takes as long as all else that a list does.
  return [...directory.byName.keys()].sort().flatMap((name) => directory.byName.get(name) ?? []);
}

/** Every domain that the log has ever told of, undefined ones too. */
export function knownDomains(directory: Directory): DomainId[] {
  return [...directory.domains.keys()];
}

/** Defined domains, in the order of `definedDomains`. */
export function summaries(directory: Directory): DomainSummary[] {
  return definedDomains(directory).flatMap((id) => {
    const domain = directory.domains.get(id);
    return domain ? [summaryOf(domain)] : [];
  });
}

function summaryOf({ id, name, guest, operation }: ListedDomain): DomainSummary {
  return { id, name, state: guest, operation: operation && shownOperation(operation) };
}

function shownOperation({ id, command, since, position, user }: ListedOperation): OperationInfo {
  return { id, command, since, position, user };
}
