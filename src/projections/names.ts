import type { DomainId } from "../events/ids.ts";

/**
 * Who had which name when. Names change only where a domain is defined or undefined, so the whole history of them is
 * small, and is kept: a name in an old record, or in a question about the past, means who had it then.
 */
export interface NameChange {
  /** Where in the log it happened. */
  position: number;
  domain: DomainId;
  name: string;
  /** false: the name was given up. */
  defined: boolean;
}

/** The names that were taken right after the record at this position. */
export function namesAt(changes: readonly NameChange[], position: number): Map<string, DomainId> {
  const names = new Map<string, DomainId>();
  for (const change of changes) {
    if (change.position > position) break;
    if (change.defined) names.set(change.name, change.domain);
    else if (names.get(change.name) === change.domain) names.delete(change.name);
  }
  return names;
}

/** The uuid of a domain that was defined then, by its name or its uuid. */
export function domainIdAt(changes: readonly NameChange[], nameOrId: string, position: number): DomainId | undefined {
  const byName = namesAt(changes, position).get(nameOrId);
  if (byName !== undefined) return byName;
  const last = changes.findLast((change) => change.domain === nameOrId && change.position <= position);
  return last?.defined ? nameOrId : undefined;
}

/** Domains that were defined then, by name in code-unit order. */
export function definedAt(changes: readonly NameChange[], position: number): DomainId[] {
  return [...namesAt(changes, position)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, id]) => id);
}

/** The name that a domain had then, or first got afterwards. */
export function nameAt(changes: readonly NameChange[], domain: DomainId, position: number): string | undefined {
  const own = changes.filter((change) => change.domain === domain);
  return (own.findLast((change) => change.position <= position) ?? own[0])?.name;
}

/** Every domain that ever had this name or has this uuid, in the order in which they got it. */
export function everNamed(changes: readonly NameChange[], nameOrId: string): DomainId[] {
  const had = changes.filter(({ name, domain, defined }) => defined && (name === nameOrId || domain === nameOrId));
  return [...new Set(had.map(({ domain }) => domain))];
}
